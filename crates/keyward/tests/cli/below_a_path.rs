//! A console that shares its host: nginx in front shows it below a path, which it passes on or takes away.

use keyward_testkit::{Between, Certificate, FREE_PORTS, Front, Installation, RunningProgram};
use std::process::Command;

const PASSWORD: &str = "a long and rare password 7";

/// A browser: curl with a jar.
struct Curl<'a> {
    place: &'a Installation,
    origin: String,
}

impl Curl<'_> {
    /// Head and body of an answer; redirects are not followed.
    fn ask(&self, url: &str, fields: &[(&str, &str)]) -> String {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--insecure",
            "--include",
            "--header",
            "Accept: text/html",
        ]);
        command.arg("--cookie").arg(self.place.path("jar"));
        command.arg("--cookie-jar").arg(self.place.path("jar"));
        for (name, value) in fields {
            command.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        if !fields.is_empty() {
            command.args(["--header", &format!("Origin: {}", self.origin)]);
        }
        let done = command.arg(url).output().unwrap();
        assert!(
            done.status.success(),
            "{url}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap()
    }

    fn get(&self, url: &str) -> String {
        self.ask(url, &[])
    }
}

/// The paths that a page leads to.
fn paths(page: &str) -> Vec<&str> {
    let marks = ["href=\"/", "src=\"/", "action=\"/"];
    let found = marks.iter().flat_map(|mark| page.split(mark).skip(1));
    found.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_console_below_a_path_works_behind_nginx_whether_it_passes_the_path_on_or_not() {
    let place = Installation::empty();
    let certificate = Certificate::create(place.dir.path());
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let listen = Between::new(nowhere, nowhere).listen;
    let origin = format!("https://localhost:{}", listen.port());
    let console = format!("[console]\npublic_url = \"{origin}/keyward\"\ntrusted_proxies = [\"127.0.0.1\"]");
    place.write("keyward.toml", &FREE_PORTS.replace("[console]", &console));
    let link = place.run(&["--json", "init"]).expect(0).json()["link"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(link.starts_with(&format!("{origin}/keyward/setup/")), "{link}");
    let running = RunningProgram::start(&place, &["serve"]);
    let address = running.told["console"].as_str().unwrap().parse().unwrap();
    let curl = Curl {
        place: &place,
        origin: origin.clone(),
    };
    for (round, target) in ["http://console", "http://console/"].into_iter().enumerate() {
        let recipe = format!(
            "upstream console {{ server 127.0.0.1:8082; }}\nupstream other {{ server 127.0.0.1:3000; }}\n\
             server {{ listen 80;\n location /keyward/ {{ proxy_pass {target}; }}\n \
             location / {{ proxy_pass http://other; }}\n}}\n"
        );
        place.write("nginx.conf", &recipe);
        let between = Between {
            listen,
            certificate: Some(certificate.clone()),
            ..Between::new(address, nowhere)
        };
        let front = Front::nginx(&place.path("nginx.conf"), &between);
        let said = if round == 0 {
            let page = curl.get(&link);
            assert!(
                page.starts_with("HTTP/2 200") || page.starts_with("HTTP/1.1 200"),
                "{page}"
            );
            let form = [
                ("email", "ada@example.com"),
                ("password", PASSWORD),
                ("again", PASSWORD),
            ];
            curl.ask(&link, &form)
        } else {
            std::fs::remove_file(place.path("jar")).unwrap();
            let form = [("email", "ada@example.com"), ("password", PASSWORD)];
            curl.ask(&format!("{origin}/keyward/sign-in"), &form)
        };
        let said_lower = said.to_ascii_lowercase();
        assert!(
            said_lower.contains("location: /keyward/integrations/keys"),
            "{said}\n{}",
            front.log()
        );
        assert!(
            said.contains("__Host-keyward-session-") && said.contains("-keyward="),
            "{said}"
        );
        let page = curl.get(&format!("{origin}/keyward/integrations/keys"));
        assert!(page.contains("ada@example.com"), "{page}");
        let paths = paths(&page);
        assert!(paths.len() > 10, "{page}");
        for path in paths {
            assert!(path.starts_with("keyward/"), "{path}");
        }
        let style = page
            .split("href=\"")
            .find(|rest| rest.contains(".css\""))
            .unwrap();
        let style = style.split('"').next().unwrap();
        for (path, words) in [
            (style, "font"),
            ("/keyward/openapi.json", "\"servers\":[{\"url\":\"/keyward\"}]"),
            ("/keyward/swagger/swagger-initializer.js", "/keyward/openapi.json"),
            ("/keyward/v1/me", "\"status\":401"),
        ] {
            let told = curl.get(&format!("{origin}{path}"));
            assert!(told.contains(words), "{path}: {told}");
        }
        let away = curl
            .get(&format!("{origin}/keyward/swagger"))
            .to_ascii_lowercase();
        assert!(away.contains("location: /keyward/swagger/"), "{away}");
    }
}
