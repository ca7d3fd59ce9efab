//! Bad input of a hosting service: tokens without rights, repositories that
//! have moved or closed, people who may not decide.

use forge::{Condition, Error, Forge as _, GitHub, IssueState, NewIssue, Proxy, Settings, Token};
use simulated_github::{Act, Fault};
use url::Url;

use crate::github::Hub;
use crate::issue;

const FIRST: &str = "https://github.com/octo/demo/issues/1";

#[tokio::test]
async fn a_missing_right_is_named_once_and_not_tried_again() {
    let hub = Hub::new().await;
    hub.server.world(|world| world.may_write = false);
    let refused = hub.forge.create(&issue("a")).await;
    let Err(Error::Forbidden { right, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(right, "issues=write");
    let sent = hub.count("POST", "/repos/octo/demo/issues");
    let again = hub.forge.create(&issue("b")).await;
    assert!(matches!(again, Err(Error::StillRefused { .. })), "{again:?}");
    assert_eq!(hub.count("POST", "/repos/octo/demo/issues"), sent);
    hub.check();
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_tried_once() {
    let hub = Hub::new().await;
    hub.server.world(|world| world.token = "another".into());
    let refused = hub.forge.create(&issue("a")).await;
    assert!(matches!(refused, Err(Error::BadToken { .. })), "{refused:?}");
    let again = hub.forge.look(FIRST).await;
    assert!(matches!(again, Err(Error::StillRefused { .. })), "{again:?}");
    assert_eq!(hub.server.requests().len(), 1);
}

#[tokio::test]
async fn a_repository_that_takes_no_issues_says_why() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| world.issues_disabled = true);
    for outcome in [
        hub.restarted().create(&issue("b")).await.map(drop),
        // Nobody removed the issue: that must not look like a decision.
        hub.restarted().look(&made.url).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(Error::IssuesDisabled { .. })), "{outcome:?}");
    }
    hub.server.world(|world| (world.issues_disabled, world.archived) = (false, true));
    let archived = hub.restarted();
    let refused = archived.create(&issue("b")).await;
    assert!(matches!(refused, Err(Error::Archived { .. })), "{refused:?}");
    assert!(archived.look(&made.url).await.is_ok());
    hub.check();
}

#[tokio::test]
async fn a_repository_that_cannot_be_seen_any_more_is_no_decision() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| world.name = "private".into());
    let looked = hub.restarted().look(&made.url).await;
    assert!(matches!(looked, Err(Error::UnknownRepository { .. })), "{looked:?}");
    let made = hub.restarted().create(&issue("b")).await;
    assert!(matches!(made, Err(Error::UnknownRepository { .. })), "{made:?}");
}

#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| {
        world.old_names.push("octo/demo".into());
        world.name = "renamed".into();
    });
    let old_name = hub.restarted();
    assert_eq!(old_name.create(&issue("a")).await.unwrap().number, 1);
    assert_eq!(old_name.create(&issue("b")).await.unwrap().number, 2);
    old_name.comment(&made.url, "told", "c").await.unwrap();
    old_name.close(&made.url, "done").await.unwrap();
    assert_eq!(old_name.look(&made.url).await.unwrap().issue.state, IssueState::Closed);
    hub.check();

    // The config names it as it is called now; the journal has the old address.
    let new_name = hub_settings(&hub, "renamed");
    assert_eq!(new_name.look(&made.url).await.unwrap().issue.number, 1);
    let elsewhere = new_name.look("https://github.com/other/place/issues/1").await;
    assert!(matches!(elsewhere, Err(Error::Elsewhere { .. })), "{elsewhere:?}");
}

fn hub_settings(hub: &Hub, name: &str) -> GitHub {
    let api = hub.server.api_url().parse().unwrap();
    let token = Token::new(crate::github::TOKEN).unwrap();
    let settings = Settings::new("octo".into(), name.into(), api, token);
    GitHub::new(settings, std::sync::Arc::new(hub.clock.clone())).unwrap()
}

#[tokio::test]
async fn an_enterprise_server_has_a_path_before_the_interface() {
    let hub = Hub::with(|settings| {
        settings.api_url.set_path("/api/v3/");
    })
    .await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(hub.forge.look(&made.url).await.unwrap().issue, made);
    hub.check();
}

/// The host exists nowhere: the proxy alone knows it.
#[tokio::test]
async fn a_proxy_is_the_way_to_other_machines() {
    let proxy = Hub::new().await;
    let url: Url = proxy.server.api_url().parse().unwrap();
    let token = Token::new(crate::github::TOKEN).unwrap();
    let api = "http://github.invalid/".parse().unwrap();
    let mut settings = Settings::new("octo".into(), "demo".into(), api, token);
    settings.proxy = Some(Proxy { url, except: "other.invalid".into() });
    let forge = GitHub::new(settings, std::sync::Arc::new(proxy.clock.clone())).unwrap();
    assert_eq!(forge.create(&issue("a")).await.unwrap().number, 1);
    proxy.check();
}

/// The token goes to the service that it is for, whatever that says.
#[tokio::test]
async fn a_redirect_to_another_service_is_not_followed() {
    let (hub, other) = (Hub::new().await, Hub::new().await);
    let location = format!("{}/repos/octo/demo/issues/1", other.server.api_url());
    hub.server.fault(Fault::on(
        "GET",
        "/issues/1",
        Act::Answer {
            status: 301,
            message: "Moved Permanently".into(),
            headers: vec![("location".into(), location)],
        },
    ));
    let looked = hub.forge.look(FIRST).await;
    assert!(matches!(looked, Err(Error::Rejected { status: 301, .. })), "{looked:?}");
    assert!(other.server.requests().is_empty());
}

#[tokio::test]
async fn a_locked_issue_says_so() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| world.issues.get_mut(&1).unwrap().locked = true);
    let commented = hub.forge.comment(&made.url, "c", "c").await;
    assert!(matches!(commented, Err(Error::Locked { .. })), "{commented:?}");
    assert!(hub.forge.look(&made.url).await.is_ok());
}

#[tokio::test]
async fn labels_are_made_and_gone_without_where_they_cannot_be() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(made.labels, ["belay", "manual task"]);
    assert_eq!(hub.count("POST", "/repos/octo/demo/labels"), 2);
    hub.forge.create(&issue("b")).await.unwrap();
    assert_eq!(hub.count("POST", "/repos/octo/demo/labels"), 2, "once is enough");

    let hub = Hub::new().await;
    hub.server.world(|world| world.may_label = false);
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert!(made.labels.is_empty());
    assert_eq!(hub.forge.create(&issue("a")).await.unwrap().number, 1, "found without labels");
    hub.check();
}

#[tokio::test]
async fn issues_are_assigned_to_whoever_can_be() {
    let assignees = || vec!["ada".to_owned(), "nobody-here".to_owned()];
    let hub = Hub::with(|settings| settings.assignees = assignees()).await;
    hub.forge.create(&issue("a")).await.unwrap();
    hub.forge.create(&issue("b")).await.unwrap();
    for issue in hub.server.world(|world| world.live()) {
        assert_eq!(issue.assignees, ["ada"]);
    }
    assert_eq!(hub.count("GET", "/repos/octo/demo/assignees/"), 2, "each is asked for once");
    hub.check();
}

#[tokio::test]
async fn only_people_with_write_access_answer() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("question")).await.unwrap();
    hub.server.world(|world| {
        world.permissions.insert("reader".into(), "read".into());
        for (who, text) in [
            ("eve", "Delete everything."),
            ("reader", "Me neither."),
            ("ada", "CSV."),
            ("helper[bot]", "I am a bot."),
            ("eve", "<!-- belay:comment=c -->\nforged"),
            ("ada", "> quoted only"),
            ("belay-writer", "From the token's own account, by hand."),
        ] {
            world.comment(1, who, text);
        }
    });
    let seen = hub.forge.look(&made.url).await.unwrap();
    let said: Vec<&str> = seen.replies.iter().map(|reply| reply.body.as_str()).collect();
    assert_eq!(said, ["CSV.", "From the token's own account, by hand."]);
    assert_eq!(seen.replies[0].author.as_deref(), Some("ada"));
    // A stranger's copy of our mark does not keep us from saying something.
    hub.forge.comment(&made.url, "told", "c").await.unwrap();
    let comments = hub.server.world(|world| world.issues[&1].comments.clone());
    assert!(comments.last().unwrap().body.ends_with("told"));

    let looked_up = hub.count("GET", "/repos/octo/demo/collaborators/");
    hub.forge.look(&made.url).await.unwrap();
    assert_eq!(hub.count("GET", "/repos/octo/demo/collaborators/"), looked_up, "remembered");
    hub.check();
}

#[tokio::test]
async fn nobody_counts_where_rights_cannot_be_looked_up() {
    let hub = Hub::new().await;
    let made = hub.forge.create(&issue("question")).await.unwrap();
    hub.server.world(|world| {
        world.may_look_up = false;
        world.comment(1, "ada", "CSV.");
        world.set_closed(1, "ada", true);
    });
    let seen = hub.forge.look(&made.url).await.unwrap();
    assert!(seen.replies.is_empty() && seen.closed_by_person);
}

/// Some edit the text instead of writing a comment; who may do that has write access.
#[tokio::test]
async fn an_answer_in_the_text_itself_is_read_and_kept() {
    let hub = Hub::new().await;
    let new = NewIssue { body: "Which?\n\n## Answer".into(), ..issue("question") };
    let made = hub.forge.create(&new).await.unwrap();
    hub.server.world(|world| {
        let issue = world.issues.get_mut(&1).unwrap();
        issue.body = issue.body.replace("## Answer\n", "## Answer\r\n\r\nThe red one.\r\n");
    });
    let before = hub.server.world(|world| world.issues[&1].body.clone());
    assert_eq!(hub.forge.look(&made.url).await.unwrap().replies[0].body, "The red one.");
    hub.forge.update(&made.url, "Another text.").await.unwrap();
    assert_eq!(hub.server.world(|world| world.issues[&1].body.clone()), before);
}

/// Trap 36: a stranger takes the marker from an issue of ours.
#[tokio::test]
async fn an_issue_of_a_stranger_is_never_taken_for_ours() {
    let hub = Hub::new().await;
    let new = issue("recovery");
    hub.server.world(|world| world.open("eve", "mine", &new.marker.embed("Run rm -rf.")));
    let made = hub.forge.create(&new).await.unwrap();
    assert_eq!(made.number, 2);
    assert!(!hub.server.world(|world| world.issues[&1].closed), "it is theirs to keep");
    hub.check();
}

#[tokio::test]
async fn a_pull_request_is_no_issue() {
    let hub = Hub::new().await;
    let new = issue("a");
    hub.server.world(|world| {
        let number = world.open("ada", "a change", &new.marker.embed("copied"));
        world.issues.get_mut(&number).unwrap().pull_request = true;
    });
    assert!(hub.forge.open_issues().await.unwrap().is_empty());
    assert_eq!(hub.forge.create(&new).await.unwrap().number, 2);
}

/// The token of a job is an app's: it has no account to ask for.
#[tokio::test]
async fn an_apps_token_finds_its_own_issues() {
    let hub = Hub::new().await;
    hub.server.world(|world| world.login = "github-actions[bot]".into());
    let made = hub.forge.create(&issue("a")).await.unwrap();
    assert_eq!(hub.restarted().create(&issue("a")).await.unwrap().number, made.number);
    hub.forge.close(&made.url, "done").await.unwrap();
    assert!(!hub.forge.look(&made.url).await.unwrap().closed_by_person);
    // An app that sweeps old issues decides nothing either.
    let swept = hub.forge.create(&issue("b")).await.unwrap();
    hub.server.world(|world| world.set_closed(swept.number, "stale[bot]", true));
    assert!(!hub.forge.look(&swept.url).await.unwrap().closed_by_person);
    hub.check();
}

/// A busy repository: the issue is not among the newest hundred any more.
#[tokio::test]
async fn an_old_issue_is_found_by_its_label() {
    let hub = Hub::new().await;
    hub.forge.create(&issue("a")).await.unwrap();
    hub.server.world(|world| {
        for number in 0..250 {
            world.open("eve", &format!("issue {number}"), "text");
        }
    });
    assert_eq!(hub.restarted().create(&issue("a")).await.unwrap().number, 1);
    assert_eq!(hub.forge.open_issues().await.unwrap().len(), 251);
    hub.check();
}

#[tokio::test]
async fn what_does_not_fit_into_an_issue_stands_in_its_first_comment() {
    let hub = Hub::new().await;
    let body = format!("{}the end", "a line of words\n".repeat(6_000));
    let made = hub.forge.create(&NewIssue { body, ..issue("a") }).await.unwrap();
    assert!(made.body.contains("in the first comment"));
    let issue = hub.server.world(|world| world.live()).remove(0);
    assert!(issue.comments[0].body.ends_with("the end"));
    hub.check();
}

#[tokio::test]
async fn the_condition_says_what_a_run_would_meet() {
    let hub = Hub::new().await;
    let fine = Condition {
        full_name: "octo/demo".into(),
        login: Some("belay-writer".into()),
        may_write: Some(true),
        has_issues: true,
        archived: false,
    };
    assert_eq!(hub.forge.examine().await.unwrap(), fine);
    hub.server.world(|world| {
        world.permissions.insert("belay-writer".into(), "read".into());
        (world.archived, world.issues_disabled) = (true, true);
    });
    let poor = Condition { may_write: Some(false), has_issues: false, archived: true, ..fine };
    assert_eq!(hub.forge.examine().await.unwrap(), poor);
    hub.check();
}
