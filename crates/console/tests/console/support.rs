//! What all these tests stand on: a running console, and raw HTTP in front of it.

mod answer;
mod browser;
mod log;

pub(crate) use answer::Answer;
pub(crate) use browser::{Browser, encoded};
pub(crate) use log::lines_of_log;

use keyward_console::{About, Console, Settings};
use keyward_domain::UseCase;
use keyward_engine::testing::{self, TestDatabase};
use keyward_engine::{Clock, Engine, SystemClock};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

pub(crate) const PASSWORD: &str = "a long and rare password 7";

/// A running console over an engine with a database of its own.
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) console: Console,
    /// What the names of its cookies end in.
    mark: String,
    database: TestDatabase,
}

impl Deref for House {
    type Target = TestDatabase;

    fn deref(&self) -> &Self::Target {
        &self.database
    }
}

/// A console on a free port, without TLS, that is reached at its own address.
pub(crate) fn settings() -> Settings {
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        public_url: None,
        trusted_proxies: Vec::new(),
        access_log: true,
        gateway_url: "https://api.example.com".into(),
        provider: None,
        about: About::default(),
    }
}

impl House {
    /// Why such a console does not start, if it does not.
    pub(crate) async fn try_start(use_cases: Vec<UseCase>, settings: Settings) -> Result<Self, String> {
        let database = TestDatabase::at(SystemClock.now()).await;
        let engine = database.node(testing::settings(use_cases)).await;
        let path = settings.public_url.as_ref().map(|url| {
            let parts = url.as_str().split('/').skip(3);
            parts.map(|part| format!("-{part}")).collect()
        });
        let console = Console::start(&engine, settings).await;
        let console = console.map_err(|fault| fault.to_string())?;
        Ok(Self {
            mark: path.unwrap_or_else(|| format!("-{}", console.address().port())),
            engine,
            console,
            database,
        })
    }

    pub(crate) async fn start(use_cases: Vec<UseCase>, settings: Settings) -> Self {
        let house = Self::try_start(use_cases, settings).await;
        house.unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub(crate) fn browser(&self, language: &'static str) -> Browser {
        Browser::at(self.console.address(), self.mark.clone(), language)
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.advance(seconds * 1000);
    }
}
