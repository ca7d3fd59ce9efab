//! Pull requests: what a request does to them, with the refusals that GitHub has for them.

use serde_json::{Value, json};

use crate::answer::{error, page, parameter, reply, too_long, without_right};
use crate::http::{Reply, Request};
use crate::json;
use crate::world::{Pull, World};

pub(crate) fn pulls(world: &mut World, api: &str, request: &Request, rest: &[&str]) -> Reply {
    let is_write = request.method != "GET";
    if is_write && world.archived {
        return error(403, "Repository was archived so is read-only.");
    }
    if is_write && !world.may_open_pulls {
        return without_right("pull_requests=write");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if let Some(refused) = too_long(world, &body) {
        return refused;
    }
    let number = rest.first().and_then(|text| text.parse::<u64>().ok());
    match (request.method.as_str(), number, rest.get(1)) {
        ("GET", None, None) => list(world, api, request),
        ("POST", None, None) => open(world, api, &body),
        ("GET", Some(number), None) => show(world, api, number, 200),
        ("PATCH", Some(number), None) => change(world, api, number, &body),
        _ => error(404, "Not Found"),
    }
}

fn list(world: &mut World, api: &str, request: &Request) -> Reply {
    let query = |name: &str| parameter(request, name);
    let state = query("state").unwrap_or_else(|| "open".to_owned());
    // Without an owner the filter is no filter.
    let head = query("head").filter(|head| head.contains(':'));
    let base = query("base");
    let mut found = Vec::new();
    for (number, pull) in world.pulls.iter().rev() {
        let Some(issue) = world.issues.get_mut(number) else { continue };
        if issue.unlisted > 0 {
            issue.unlisted -= 1;
            continue;
        }
        let label = format!("{}:{}", world.owner, pull.head);
        if (state == "all" || (state == "closed") == issue.closed)
            && head.as_ref().is_none_or(|head| *head == label)
            && base.as_ref().is_none_or(|base| *base == pull.base)
        {
            found.push(*number);
        }
    }
    let shown = |number: &u64| {
        let (issue, pull) = (world.issues.get(number)?, world.pulls.get(number)?);
        Some(json::pull(world, api, issue, pull))
    };
    reply(200, &page(found.iter().filter_map(shown).collect(), request))
}

fn open(world: &mut World, api: &str, body: &Value) -> Reply {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let head = head.strip_prefix(&format!("{}:", world.owner)).unwrap_or(&head).to_owned();
    let draft = body["draft"].as_bool().unwrap_or_default();
    if let Some(refused) = refused(world, &head, &base, draft) {
        return refused;
    }
    let login = world.login.clone();
    let pull = Pull { head, base, draft, merged: false };
    let number = world.open_pull(&login, &text("title"), &text("body"), pull);
    show(world, api, number, 201)
}

fn refused(world: &World, head: &str, base: &str, draft: bool) -> Option<Reply> {
    if !world.jobs_may_open_pulls {
        let said = "GitHub Actions is not permitted to create or approve pull requests.";
        return Some(error(403, said));
    }
    let invalid = |field: &str| {
        let errors = json!([{"resource": "PullRequest", "field": field, "code": "invalid"}]);
        Some(reply(422, &json!({"message": "Validation Failed", "errors": errors})))
    };
    let custom = |said: String| {
        let errors = json!([{"resource": "PullRequest", "code": "custom", "message": said}]);
        Some(reply(422, &json!({"message": "Validation Failed", "errors": errors})))
    };
    let Some(brings) = world.branch(head) else { return invalid("head") };
    match world.branch(base) {
        None => return invalid("base"),
        Some(has) if has == brings => {
            return custom(format!("No commits between {base} and {head}"));
        }
        Some(_) => {}
    }
    if draft && !world.has_drafts {
        return Some(error(422, "Draft pull requests are not supported in this repository."));
    }
    let is_same = |(number, pull): (&u64, &Pull)| {
        pull.head == head
            && pull.base == base
            && world.issues.get(number).is_some_and(|issue| !issue.closed)
    };
    let owner = &world.owner;
    let twin = world.pulls.iter().any(is_same);
    twin.then(|| custom(format!("A pull request already exists for {owner}:{head}."))).flatten()
}

fn change(world: &mut World, api: &str, number: u64, body: &Value) -> Reply {
    let login = world.login.clone();
    match body["state"].as_str() {
        Some("closed") => world.set_closed(number, &login, true),
        Some("open") => world.set_closed(number, &login, false),
        _ => {}
    }
    if let Some(issue) = world.issues.get_mut(&number) {
        for (field, own) in [("title", &mut issue.title), ("body", &mut issue.body)] {
            if let Some(text) = body[field].as_str() {
                text.clone_into(own);
            }
        }
    }
    show(world, api, number, 200)
}

fn show(world: &World, api: &str, number: u64, status: u16) -> Reply {
    match (world.issues.get(&number), world.pulls.get(&number)) {
        (Some(issue), Some(pull)) => reply(status, &json::pull(world, api, issue, pull)),
        _ => error(404, "Not Found"),
    }
}

/// The other interface, whose refusals are answers like any other.
pub(crate) fn graphql(world: &mut World, request: &Request) -> Reply {
    let refused = |kind: &str, said: &str| {
        let errors = json!([{"type": kind, "message": said}]);
        reply(200, &json!({"data": null, "errors": errors}))
    };
    if !world.may_open_pulls {
        return refused("FORBIDDEN", "Resource not accessible by personal access token");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let id = &body["variables"]["id"];
    match world.pulls.iter_mut().find(|(number, _)| *id == json::node(**number)) {
        None => refused("NOT_FOUND", "Could not resolve to a node with the global id"),
        Some((_, pull)) => {
            pull.draft = false;
            let done = json!({"pullRequest": {"isDraft": false}});
            reply(200, &json!({"data": {"markPullRequestReadyForReview": done}}))
        }
    }
}
