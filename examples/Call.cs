// A call with a key, and the right way to wait. A whole program for every compiler since C# 6:
//   mcs -r:System.Net.Http.dll -out:call.exe Call.cs && mono call.exe
//   or as the Program.cs of a console project: dotnet run
// KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).

using System;
using System.Linq;
using System.Net.Http;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

static class Program
{
    const int MostTries = 5;

    // One client for the whole program. A redirect would take the key to another server.
    static readonly HttpClient Client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    static int Main()
    {
        var url = Environment.GetEnvironmentVariable("KEYWARD_URL");
        var key = Environment.GetEnvironmentVariable("KEYWARD_KEY");
        if (string.IsNullOrEmpty(url) || string.IsNullOrEmpty(key))
        {
            Console.Error.WriteLine("KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key");
            return 2;
        }
        var maxWait = int.Parse(Environment.GetEnvironmentVariable("KEYWARD_MAX_WAIT") ?? "120");
        Client.DefaultRequestHeaders.Add("X-API-KEY", key);
        return CallUntilAnsweredAsync(url.TrimEnd('/') + "/api/123/resource", maxWait).GetAwaiter().GetResult() ? 0 : 1;
    }

    static async Task<bool> CallUntilAnsweredAsync(string url, int leftToWait)
    {
        var random = new Random();
        for (var tries = 1; ; tries++)
        {
            using (var response = await Client.GetAsync(url))
            {
                var status = (int)response.StatusCode;
                var body = await response.Content.ReadAsStringAsync();
                if (response.IsSuccessStatusCode)
                {
                    Console.WriteLine(status + " " + body);
                    var remaining = Header(response, "X-RateLimit-Remaining");
                    if (remaining != null)
                        Console.WriteLine(remaining + " requests left until " + Header(response, "X-RateLimit-Reset"));
                    return true;
                }

                Console.Error.WriteLine(status + " " + Problem(body));
                var seconds = Pause(status, response);
                if (seconds == null || tries == MostTries) return false;
                if (seconds > leftToWait)
                {
                    Console.Error.WriteLine("giving up: another try makes sense in " + seconds + " s");
                    return false;
                }
                leftToWait -= seconds.Value;
                Console.Error.WriteLine("waiting " + seconds + " s");
                // Up to a second more, so that not all clients come back in the same instant.
                await Task.Delay(TimeSpan.FromSeconds(seconds.Value + random.NextDouble()));
            }
        }
    }

    // Seconds until another try makes sense; null when none does.
    static int? Pause(int status, HttpResponseMessage response)
    {
        // Another try changes nothing about the key, the site or the address.
        if (status != 429 && status != 503) return null;
        int after;
        if (int.TryParse(Header(response, "Retry-After"), out after) && after >= 0) return after;
        long reset;
        if (status != 429 || !long.TryParse(Header(response, "X-RateLimit-Reset"), out reset)) return null;
        return (int)Math.Max(1, reset - DateTimeOffset.UtcNow.ToUnixTimeSeconds());
    }

    static string Header(HttpResponseMessage response, string name)
    {
        System.Collections.Generic.IEnumerable<string> values;
        return response.Headers.TryGetValues(name, out values) ? values.First() : null;
    }

    // What a problem document says; another body as it is. Where there is System.Text.Json, read it with that.
    static string Problem(string body)
    {
        var code = Regex.Match(body, "\"code\":\"([^\"]*)\"");
        var detail = Regex.Match(body, "\"detail\":\"((?:[^\"\\\\]|\\\\.)*)\"");
        return code.Success ? code.Groups[1].Value + ": " + Regex.Unescape(detail.Groups[1].Value) : body;
    }
}
