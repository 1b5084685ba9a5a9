//! Calls with a key, ready to be pasted into a shell or a program.

/// What is called, and with which secret. Both are made of characters that mean nothing in any of the languages.
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    pub(super) secret: &'a str,
}

/// One call in one language.
pub(super) struct Snippet {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) code: String,
}

/// The call in every language.
pub(super) fn snippets(call: &Call<'_>) -> Vec<Snippet> {
    let snippet = |(id, title, code): (_, _, &str)| Snippet {
        id,
        title,
        code: code.replace("{url}", call.url).replace("{secret}", call.secret),
    };
    LANGUAGES.into_iter().map(snippet).collect()
}

const LANGUAGES: [(&str, &str, &str); 6] = [
    ("curl", "curl", CURL),
    ("csharp", "C#", CSHARP),
    ("python", "Python", PYTHON),
    ("javascript", "JavaScript", JAVASCRIPT),
    ("php", "PHP", PHP),
    ("go", "Go", GO),
];

const CURL: &str = r#"curl -i "{url}" \
  -H "X-API-KEY: {secret}""#;

// A whole program, so that every compiler takes it, also those before statements at the top and an `async` Main.
const CSHARP: &str = r#"using System;
using System.Net.Http;
using System.Threading.Tasks;

static class Program
{
    static void Main() => CallAsync().GetAwaiter().GetResult();

    static async Task CallAsync()
    {
        var client = new HttpClient();
        client.DefaultRequestHeaders.Add("X-API-KEY", "{secret}");

        var response = await client.GetAsync("{url}");

        Console.WriteLine((int)response.StatusCode);
        Console.WriteLine(await response.Content.ReadAsStringAsync());
    }
}"#;

const PYTHON: &str = r#"import urllib.request

request = urllib.request.Request("{url}", headers={"X-API-KEY": "{secret}"})
with urllib.request.urlopen(request) as response:
    print(response.status, response.read().decode())"#;

const JAVASCRIPT: &str = r#"const response = await fetch("{url}", {
  headers: { "X-API-KEY": "{secret}" },
});
console.log(response.status, await response.text());"#;

const PHP: &str = r#"<?php
$call = curl_init('{url}');
curl_setopt($call, CURLOPT_HTTPHEADER, ['X-API-KEY: {secret}']);
curl_setopt($call, CURLOPT_RETURNTRANSFER, true);
$body = curl_exec($call);
echo curl_getinfo($call, CURLINFO_RESPONSE_CODE), ' ', $body, PHP_EOL;"#;

const GO: &str = r#"package main

import (
	"fmt"
	"io"
	"net/http"
)

func main() {
	request, err := http.NewRequest("GET", "{url}", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-API-KEY", "{secret}")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
}"#;
