//! Pull requests on the simulated GitHub: opened once whatever the network
//! does, kept current around what people write, never opened again.

use std::time::Duration;

use forge::{
    Error, Folder, Forge as _, Marker, NewPullRequest, Places, PullRequest, PullRequestState,
    PullRequests,
};
use simulated_github::{Act, Fault, Pull};

use crate::github::Hub;
use crate::{Top, issue};

const HEAD: &str = "belay/001-numbers";
const PULLS: &str = "/repos/octo/demo/pulls";

async fn hub() -> Hub {
    let hub = Hub::new().await;
    hub.server.world(|world| world.branches.insert(HEAD.into()));
    hub
}

fn new() -> NewPullRequest {
    NewPullRequest {
        title: "Numbers".into(),
        body: "Two milestones.".into(),
        below: "## Checklist\n\n<!-- tick it -->\n- [ ] tested".into(),
        head: HEAD.into(),
        base: "main".into(),
        draft: false,
        marker: Marker { run: "01JABCDEFGHJKMNPQRSTVWXYZ0".into(), step: "pull-request".into() },
    }
}

async fn open(forge: &dyn PullRequests, new: &NewPullRequest) -> PullRequest {
    forge.open_pull_request(new).await.unwrap().expect("pull requests are opened here")
}

fn body(hub: &Hub) -> String {
    hub.server.world(|world| world.live_pulls().remove(0).0.body)
}

fn status(status: u16, message: &str) -> Act {
    Act::Answer { status, message: message.into(), headers: Vec::new() }
}

#[tokio::test]
async fn it_is_opened_once_and_found_by_every_later_process() {
    let hub = hub().await;
    let made = open(&hub.forge, &new()).await;
    let url = "https://github.com/octo/demo/pull/1".to_owned();
    assert_eq!(made, PullRequest { url, number: 1, state: PullRequestState::Open, draft: false });
    let (issue, pull) = hub.server.world(|world| world.live_pulls().remove(0));
    assert_eq!(
        (issue.title.as_str(), pull.head.as_str(), pull.base.as_str()),
        ("Numbers", HEAD, "main")
    );
    assert!(issue.body.contains("Two milestones.") && issue.body.contains("<!-- tick it -->"));
    assert_eq!(open(&hub.restarted(), &new()).await, made);
    assert_eq!((hub.count("POST", PULLS), hub.count("PATCH", PULLS)), (1, 0));
    let newer = NewPullRequest { body: "Three milestones.".into(), ..new() };
    assert_eq!(open(&hub.restarted(), &newer).await, made);
    assert!(body(&hub).contains("Three milestones."), "{}", body(&hub));
    assert!(hub.forge.open_issues().await.unwrap().is_empty(), "it is no issue");
    hub.check();
}

#[tokio::test]
async fn where_there_is_no_github_there_are_none_and_that_is_no_error() {
    let (top, hub) = (Top::new(), hub().await);
    let folder = || Folder::new(top.dir.path().to_owned());
    let nowhere = Places::new(folder(), None);
    assert_eq!(nowhere.open_pull_request(&new()).await.unwrap(), None);
    let both = Places::new(folder(), Some(hub.restarted()));
    let made = open(&both, &new()).await;
    assert_eq!(both.update_pull_request(&made.url, "Three.", false).await.unwrap(), made);
    let off = nowhere.update_pull_request(&made.url, "Four.", false).await;
    assert!(matches!(off, Err(Error::Elsewhere { .. })), "{off:?}");
    assert!(body(&hub).contains("Three."));
    hub.check();
}

#[tokio::test]
async fn lost_answers_and_lagging_listings_open_no_second_one() {
    for (act, lag, posts) in [
        (Act::LoseAnswer, 0, 1),
        (Act::Cut, 0, 2),
        (status(502, ""), 0, 2),
        (Act::LoseAnswer, 2, 1),
    ] {
        let hub = hub().await;
        hub.server.world(|world| world.listing_lag = lag);
        hub.server.fault(Fault::on("POST", "/pulls", act.clone()));
        assert_eq!(open(&hub.forge, &new()).await.number, 1, "{act:?}");
        assert_eq!(hub.count("POST", PULLS), posts, "{act:?}");
        assert_eq!(hub.server.world(|world| world.live_pulls().len()), 1);
        hub.check();
    }
}

/// The listing lags for longer than it is looked at: GitHub itself knows better.
#[tokio::test]
async fn one_that_is_there_already_is_found_after_the_refusal() {
    let hub = hub().await;
    hub.server.world(|world| world.listing_lag = 3);
    hub.server.fault(Fault::on("POST", "/pulls", Act::LoseAnswer));
    assert_eq!(open(&hub.forge, &new()).await.number, 1);
    assert_eq!(hub.count("POST", PULLS), 2);
    hub.check();
}

#[tokio::test]
async fn one_that_was_closed_or_merged_is_not_opened_again() {
    for merged in [false, true] {
        let hub = hub().await;
        let made = open(&hub.forge, &new()).await;
        hub.server.world(|world| {
            if merged { world.merge(1, "ada") } else { world.set_closed(1, "ada", true) }
        });
        let state = if merged { PullRequestState::Merged } else { PullRequestState::Closed };
        let found = open(&hub.restarted(), &new()).await;
        assert_eq!((found.number, found.state), (1, state));
        let before = body(&hub);
        let left = hub.forge.update_pull_request(&made.url, "More.", true).await.unwrap();
        assert_eq!((left.state, body(&hub)), (state, before));
        assert_eq!((hub.count("POST", PULLS), hub.count("PATCH", PULLS)), (1, 0));
        hub.check();
    }
}

#[tokio::test]
async fn our_part_is_kept_current_and_what_people_write_stays() {
    let hub = hub().await;
    let made = open(&hub.forge, &NewPullRequest { draft: true, ..new() }).await;
    assert!(made.draft);
    hub.server.world(|world| {
        let issue = world.issues.get_mut(&1).unwrap();
        issue.title = "Better numbers".into();
        issue.body = issue.body.replace("[ ]", "[x]").replace('\n', "\r\n");
    });
    for act in [None, Some(Act::LoseAnswer), Some(Act::Cut)] {
        let text = format!("Three milestones, {act:?}.");
        act.into_iter().for_each(|act| hub.server.fault(Fault::on("PATCH", "/pulls/1", act)));
        hub.forge.update_pull_request(&made.url, &text, false).await.unwrap();
        assert!(body(&hub).contains(&text) && body(&hub).contains("[x] tested"));
    }
    let sent = hub.count("PATCH", PULLS);
    hub.forge.update_pull_request(&made.url, "Three milestones, Some(Cut).", false).await.unwrap();
    assert_eq!(hub.count("PATCH", PULLS), sent, "nothing to say");
    assert_eq!(hub.server.world(|world| world.issues[&1].title.clone()), "Better numbers");
    assert!(hub.server.world(|world| world.pulls[&1].draft));
    hub.check();
}

#[tokio::test]
async fn a_draft_becomes_ready_also_when_the_answer_is_lost() {
    for act in [None, Some(Act::LoseAnswer), Some(Act::Cut)] {
        let hub = hub().await;
        let made = open(&hub.forge, &NewPullRequest { draft: true, ..new() }).await;
        act.into_iter().for_each(|act| hub.server.fault(Fault::on("POST", "/graphql", act)));
        let ready = hub.forge.update_pull_request(&made.url, "Done.", true).await.unwrap();
        assert!(!ready.draft && !hub.server.world(|world| world.pulls[&1].draft));
        hub.forge.update_pull_request(&made.url, "Done.", true).await.unwrap();
        assert!(hub.count("POST", "/graphql") <= 2, "once more after a lost answer");
        hub.check();
    }
}

/// An Enterprise server has the one interface beside the other, not below it.
#[tokio::test]
async fn a_draft_becomes_ready_on_an_enterprise_server() {
    let hub = Hub::with(|settings| settings.api_url.set_path("/api/v3/")).await;
    hub.server.world(|world| world.branches.insert(HEAD.into()));
    let made = open(&hub.forge, &NewPullRequest { draft: true, ..new() }).await;
    let ready = hub.forge.update_pull_request(&made.url, "Done.", true).await.unwrap();
    assert!(!ready.draft && !hub.server.world(|world| world.pulls[&1].draft));
    hub.check();
}

#[tokio::test]
async fn a_text_without_our_marks_is_a_persons_and_so_is_its_being_a_draft() {
    let hub = hub().await;
    let made = open(&hub.forge, &NewPullRequest { draft: true, ..new() }).await;
    let own = "I wrote this anew.";
    hub.server.world(|world| world.issues.get_mut(&1).unwrap().body = own.into());
    hub.forge.update_pull_request(&made.url, "Done.", true).await.unwrap();
    assert_eq!((body(&hub).as_str(), hub.server.world(|world| world.pulls[&1].draft)), (own, true));
    hub.check();
}

#[tokio::test]
async fn one_that_a_maintainer_opened_from_the_branch_is_as_good() {
    let hub = hub().await;
    let pull = Pull { head: HEAD.into(), base: "main".into(), ..Pull::default() };
    hub.server.world(|world| world.open_pull("ada", "Mine", "By hand.", pull.clone()));
    assert_eq!(open(&hub.forge, &new()).await.number, 1);
    hub.forge.update_pull_request("https://github.com/octo/demo/pull/1", "x", true).await.unwrap();
    assert_eq!((body(&hub).as_str(), hub.count("POST", PULLS)), ("By hand.", 0));

    // A stranger's is none of ours, with our marker in it or without: GitHub takes no second one.
    let hub = self::hub().await;
    let copied = new().marker.embed("Mine now.");
    hub.server.world(|world| world.open_pull("eve", "Mine", &copied, pull));
    let refused = hub.forge.open_pull_request(&new()).await;
    assert!(matches!(refused, Err(Error::Rejected { status: 422, .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("already exists"));
    hub.check();
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let hub = hub().await;
    let with =
        |head: &str, base: &str| NewPullRequest { head: head.into(), base: base.into(), ..new() };
    let refused = hub.forge.open_pull_request(&with("gone", "main")).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no branch gone in octo/demo on GitHub");
    let refused = hub.forge.open_pull_request(&with(HEAD, "gone")).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no branch gone in octo/demo on GitHub");
    let refused = hub.forge.open_pull_request(&with("main", "main")).await.unwrap_err();
    assert_eq!(refused.to_string(), "main already has every commit of main");
    for bad in [with("", "main"), with(HEAD, ""), NewPullRequest { title: " ".into(), ..new() }] {
        let refused = hub.forge.open_pull_request(&bad).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    hub.server.world(|world| world.has_drafts = false);
    let refused = hub.forge.open_pull_request(&NewPullRequest { draft: true, ..new() }).await;
    assert!(matches!(refused, Err(Error::NoDrafts { .. })), "{refused:?}");
    assert_eq!(open(&hub.forge, &new()).await.number, 1, "without being one it is opened");
    let gone = "https://github.com/octo/demo/pull/9";
    let refused = hub.forge.update_pull_request(gone, "x", false).await;
    assert!(matches!(refused, Err(Error::UnknownPullRequest { .. })), "{refused:?}");
    hub.check();
}

#[tokio::test]
async fn a_missing_right_is_named_once_and_issues_are_made_all_the_same() {
    let hub = hub().await;
    hub.server.world(|world| world.may_open_pulls = false);
    let refused = hub.forge.open_pull_request(&new()).await;
    let Err(Error::Forbidden { right, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(right, "pull_requests=write");
    let again = hub.forge.open_pull_request(&new()).await;
    assert!(matches!(again, Err(Error::StillRefused { .. })), "{again:?}");
    assert_eq!(hub.count("POST", PULLS), 1);
    hub.forge.create(&issue("a")).await.unwrap();

    hub.server.world(|world| (world.may_open_pulls, world.jobs_may_open_pulls) = (true, false));
    let job = hub.restarted();
    let refused = job.open_pull_request(&new()).await.unwrap_err();
    assert!(matches!(refused, Error::JobsMayNotOpen) && !refused.is_passing());
    assert!(refused.to_string().contains("Allow GitHub Actions to create"), "{refused}");
    let again = job.open_pull_request(&new()).await;
    assert!(matches!(again, Err(Error::StillRefused { .. })), "{again:?}");
    hub.check();
}

#[tokio::test]
async fn the_right_to_end_a_draft_is_asked_for_once() {
    let hub = hub().await;
    let made = open(&hub.forge, &NewPullRequest { draft: true, ..new() }).await;
    hub.server.world(|world| world.may_open_pulls = false);
    let kept = "Two milestones.";
    let refused = hub.forge.update_pull_request(&made.url, kept, true).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let again = hub.forge.update_pull_request(&made.url, kept, true).await;
    assert!(matches!(again, Err(Error::StillRefused { .. })), "{again:?}");
    assert_eq!(hub.count("POST", "/graphql"), 1);
    hub.check();
}

#[tokio::test]
async fn where_issues_are_switched_off_pull_requests_are_not() {
    let hub = hub().await;
    hub.server.world(|world| world.issues_disabled = true);
    assert!(matches!(hub.forge.create(&issue("a")).await, Err(Error::IssuesDisabled { .. })));
    assert_eq!(open(&hub.forge, &new()).await.number, 1);
    hub.server.world(|world| world.archived = true);
    let (later, url) = (hub.restarted(), "https://github.com/octo/demo/pull/1");
    assert!(matches!(
        later.update_pull_request(url, "x", false).await,
        Err(Error::Archived { .. })
    ));
    hub.check();
}

#[tokio::test]
async fn a_moved_repository_is_followed_also_to_another_owner() {
    let hub = hub().await;
    let made = open(&hub.forge, &new()).await;
    hub.server.world(|world| {
        world.old_names.push("octo/demo".into());
        (world.owner, world.name) = ("newcorp".into(), "renamed".into());
    });
    let later = hub.restarted();
    assert_eq!(open(&later, &new()).await.number, 1);
    assert_eq!(hub.count("POST", PULLS), 1, "found under the new owner's name");
    later.update_pull_request(&made.url, "Moved.", false).await.unwrap();
    assert!(body(&hub).contains("Moved."));
    hub.check();
}

#[tokio::test]
async fn throttled_or_gone_it_is_put_off_and_writes_stand_a_second_apart() {
    let hub = hub().await;
    let headers = vec![("retry-after".to_owned(), "90".to_owned())];
    let act = Act::Answer { status: 403, message: "secondary rate limit".into(), headers };
    hub.server.fault(Fault::on("POST", "/pulls", act));
    let refused = hub.forge.open_pull_request(&new()).await;
    assert!(refused.as_ref().is_err_and(Error::is_passing), "{refused:?}");
    hub.clock.advance(Duration::from_secs(90));
    let before = hub.clock.elapsed();
    let made = open(&hub.forge, &new()).await;
    hub.forge.update_pull_request(&made.url, "Two.", false).await.unwrap();
    assert!(hub.clock.elapsed() - before >= Duration::from_secs(1));
    hub.server.go_away(1_000);
    let gone = hub.forge.update_pull_request(&made.url, "Three.", false).await;
    assert!(gone.as_ref().is_err_and(Error::is_passing), "{gone:?}");
    hub.check();
}
