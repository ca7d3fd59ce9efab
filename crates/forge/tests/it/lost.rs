//! Trap 33 on a network: answers are lost, listings lag, the service throttles
//! and goes away; whatever was asked for exists once in the end.

use std::time::Duration;

use forge::{Error, Forge as _};
use simulated_github::{Act, Fault};

use crate::github::Hub;
use crate::issue;

fn throttled(header: &str, value: &str) -> Act {
    Act::Answer {
        status: 403,
        message: "You have exceeded a secondary rate limit.".into(),
        headers: vec![(header.into(), value.into())],
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_act_makes_no_second_issue() {
    let hub = Hub::new().await;
    hub.server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(made.number, 1);
    assert_eq!(hub.server.world(|world| world.live().len()), 1);
    assert_eq!(hub.count("POST", "/repos/octo/demo/issues"), 1);
    hub.check();
}

#[tokio::test]
async fn what_was_lost_before_the_act_is_done_again() {
    let hub = Hub::new().await;
    hub.server.fault(Fault::on("POST", "/issues", Act::Cut));
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(made.number, 1);
    assert_eq!(hub.count("POST", "/repos/octo/demo/issues"), 2);
    hub.check();
}

#[tokio::test]
async fn an_issue_that_a_listing_lags_behind_is_waited_for() {
    let hub = Hub::new().await;
    hub.server.world(|world| world.listing_lag = 2);
    hub.server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(hub.server.world(|world| world.live().len()), 1);
    assert!(hub.clock.elapsed() >= Duration::from_secs(2));
    hub.check();
}

/// The listing lags for so long that a second one is made: the younger goes.
#[tokio::test]
async fn of_two_twins_the_younger_is_closed() {
    let hub = Hub::new().await;
    hub.server.world(|world| world.listing_lag = 4);
    hub.server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
    hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(hub.server.world(|world| world.live().len()), 2);
    for _ in 0..5 {
        let found = hub.restarted().create(&issue("a")).await.unwrap();
        assert_eq!(found.number, 1);
    }
    let live = hub.server.world(|world| world.live());
    assert_eq!((live[0].closed, live[1].closed), (false, true));
    assert_eq!(live[1].state_reason.as_deref(), Some("not_planned"));
    assert!(live[1].body.contains("#1"), "{}", live[1].body);
    let seen = hub.forge.look("https://github.com/octo/demo/issues/2").await.unwrap();
    assert!(!seen.closed_by_person, "it was us who closed the twin");
    hub.check();
}

#[tokio::test]
async fn comments_and_closings_survive_lost_answers() {
    for act in [Act::LoseAnswer, Act::Cut] {
        let hub = Hub::new().await;
        let made = hub.forge.create(&issue("a")).await.unwrap();
        hub.server.fault(Fault::on("POST", "/comments", act.clone()).times(1));
        hub.forge.comment(&made.url, "told", "c").await.unwrap();
        hub.server.fault(Fault::on("POST", "/comments", act.clone()).times(1));
        hub.server.fault(Fault::on("PATCH", "/issues/1", act.clone()).times(1));
        hub.forge.close(&made.url, "done").await.unwrap();
        let issue = hub.server.world(|world| world.live()).remove(0);
        assert_eq!(issue.comments.len(), 2, "{act:?}: {:?}", issue.comments);
        assert!(issue.closed);
        assert!(!hub.forge.look(&made.url).await.unwrap().closed_by_person);
        hub.check();
    }
}

#[tokio::test]
async fn writes_stand_a_second_apart_and_looks_do_not_wait() {
    let hub = Hub::new().await;
    for step in ["a", "b", "c"] {
        hub.forge.create(&issue(step)).await.unwrap();
    }
    // Two labels and three issues.
    assert_eq!(hub.clock.elapsed(), Duration::from_secs(4));
    for _ in 0..5 {
        hub.forge.look("https://github.com/octo/demo/issues/1").await.unwrap();
    }
    assert_eq!(hub.clock.elapsed(), Duration::from_secs(4));
}

#[tokio::test]
async fn a_short_wait_is_waited_out_and_a_long_one_puts_off() {
    let hub = Hub::new().await;
    hub.server.fault(Fault::on("POST", "/issues", throttled("retry-after", "4")));
    let before = hub.clock.elapsed();
    hub.forge.create(&issue("a")).await.unwrap();
    assert!(hub.clock.elapsed() - before >= Duration::from_secs(4));

    hub.server.fault(Fault::on("POST", "/issues", throttled("retry-after", "90")));
    let refused = hub.forge.create(&issue("b")).await;
    let Err(error @ Error::RateLimited { retry_in }) = refused else { panic!("{refused:?}") };
    assert!(error.is_passing());
    assert_eq!(retry_in, Duration::from_secs(90));
    // Until then nothing is sent at all.
    let sent = hub.server.requests().len();
    let refused = hub.forge.look("https://github.com/octo/demo/issues/1").await;
    assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
    assert_eq!(hub.server.requests().len(), sent);
    hub.clock.advance(Duration::from_secs(90));
    assert_eq!(hub.forge.create(&issue("b")).await.unwrap().number, 2);
    hub.check();
}

#[tokio::test]
async fn the_last_request_of_the_hour_is_the_last() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| world.remaining = 1);
    hub.forge.look(&made.url).await.unwrap();
    let sent = hub.server.requests().len();
    let refused = hub.forge.look(&made.url).await;
    // By the service's clock: ours is years off.
    let Err(Error::RateLimited { retry_in }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_in, Duration::from_secs(1_800));
    assert_eq!(hub.server.requests().len(), sent);
    hub.server.world(|world| world.remaining = 5_000);
    hub.clock.advance(Duration::from_secs(1_800));
    hub.forge.look(&made.url).await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_gone_is_left_alone_and_found_again() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.go_away(1_000);
    let mut failed = 0;
    while !matches!(
        hub.forge.look(&made.url).await,
        Err(Error::Unreachable { why }) if why.contains("failed too often")
    ) {
        failed += 1;
        assert!(failed < 10, "the breaker does not open");
    }
    hub.server.go_away(0);
    let refused = hub.forge.create(&issue("b")).await;
    assert!(refused.as_ref().is_err_and(Error::is_passing), "{refused:?}");
    hub.clock.advance(Duration::from_secs(60));
    assert_eq!(hub.forge.create(&issue("b")).await.unwrap().number, 2);
    hub.check();
}

#[tokio::test]
async fn one_lost_look_is_repeated() {
    for act in [Act::Cut, Act::Page, status(502), status(500)] {
        let hub = Hub::new().await;
        let made = hub.forge.create(&issue("a")).await.unwrap();
        hub.server.fault(Fault::on("GET", "/issues/1", act.clone()));
        let seen = hub.forge.look(&made.url).await;
        assert!(seen.is_ok(), "{act:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_page_of_a_portal_is_no_answer() {
    let hub = Hub::new().await;
    hub.server.fault(Fault::on("", "", Act::Page).times(1_000));
    for outcome in [
        hub.forge.create(&issue("a")).await.map(drop),
        hub.forge.look("https://github.com/octo/demo/issues/1").await.map(drop),
    ] {
        assert!(outcome.as_ref().is_err_and(Error::is_passing), "{outcome:?}");
    }
}

#[tokio::test]
async fn silence_has_an_end() {
    let hub = Hub::with(|settings| settings.request_limit = Duration::from_millis(50)).await;
    hub.server.fault(Fault::on("GET", "/issues/1", Act::Hang).times(2));
    let looked = hub.forge.look("https://github.com/octo/demo/issues/1").await;
    assert!(looked.as_ref().is_err_and(Error::is_passing), "{looked:?}");
}

fn status(status: u16) -> Act {
    Act::Answer { status, message: "oops".into(), headers: Vec::new() }
}
