//! GitHub with a clock that is held: whoever sleeps by it moves it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use forge::{Clock, GitHub, Settings, Token};
use simulated_github::Server;
use url::Url;

pub(crate) const TOKEN: &str = "ghp_simulated_0123456789";

/// Stands still but for whoever sleeps by it.
#[derive(Clone, Default)]
pub(crate) struct HeldClock {
    now: Arc<Mutex<Duration>>,
}

impl HeldClock {
    pub(crate) fn advance(&self, span: Duration) {
        *self.now.lock().unwrap() += span;
    }

    pub(crate) fn elapsed(&self) -> Duration {
        *self.now.lock().unwrap()
    }
}

#[async_trait]
impl Clock for HeldClock {
    fn now(&self) -> Duration {
        self.elapsed()
    }

    /// Hours off, as on a machine without a battery.
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.elapsed()
    }

    async fn pause(&self, span: Duration) {
        self.advance(span);
        tokio::task::yield_now().await;
    }
}

/// A repository on the simulated GitHub, with ourselves as `belay-writer`, the maintainer `ada`
/// and the stranger `eve`.
pub(crate) struct Hub {
    pub(crate) server: Server,
    pub(crate) forge: GitHub,
    pub(crate) clock: HeldClock,
}

impl Hub {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl Fn(&mut Settings)) -> Self {
        let server = Server::start("octo/demo", TOKEN).await.unwrap();
        server.world(|world| world.permissions.insert("ada".into(), "write".into()));
        let clock = HeldClock::default();
        let forge = forge_at(&server, &clock, change);
        Self { server, forge, clock }
    }

    /// The same repository as a later process meets it.
    pub(crate) fn restarted(&self) -> GitHub {
        forge_at(&self.server, &self.clock, |_| {})
    }

    /// The same repository where the service listens below this path.
    pub(crate) fn at(&self, path: &str) -> GitHub {
        let api = Url::parse(&format!("{}{path}", self.server.api_url())).unwrap();
        forge_at(&self.server, &self.clock, |settings| settings.api_url = api.clone())
    }

    /// Requests so far whose method and path begin so.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let requests = self.server.requests();
        requests.iter().filter(|r| r.method == method && r.target.starts_with(path)).count()
    }

    /// What holds whatever a test did: each request was one that GitHub takes, and the token
    /// stands where it belongs and nowhere else.
    pub(crate) fn check(&self) {
        assert_eq!(self.server.violations(), [""; 0]);
        for request in self.server.requests() {
            let told = request.headers.iter().filter(|(_, value)| value.contains(TOKEN));
            let names: Vec<&str> = told.map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["authorization"], "{request:?}");
            assert!(!request.target.contains(TOKEN) && !request.body.contains(TOKEN));
        }
        for issue in self.server.world(|world| world.live()) {
            assert!(!format!("{issue:?}").contains(TOKEN), "{issue:?}");
        }
    }
}

fn forge_at(server: &Server, clock: &HeldClock, change: impl Fn(&mut Settings)) -> GitHub {
    let api = Url::parse(&server.api_url()).unwrap();
    let token = Token::new(TOKEN).unwrap();
    let mut settings = Settings::new("octo".into(), "demo".into(), api, token);
    change(&mut settings);
    GitHub::new(settings, Arc::new(clock.clone())).unwrap()
}
