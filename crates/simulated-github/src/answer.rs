//! What a request does to the world, and what it is told.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::graphql;
use crate::http::{Reply, Request};
use crate::json;
use crate::pulls;
use crate::world::{Issue, World};

/// Seconds until the hour's requests are there again.
const RESET: u64 = 1_800;

/// Does the request and answers it; `api` is the address of the service.
pub(crate) fn answer(world: &mut World, api: &str, request: &Request) -> Reply {
    let mut reply = refused(world, request).unwrap_or_else(|| route(world, api, request));
    world.remaining = world.remaining.saturating_sub(1);
    reply.headers.extend(limits(world));
    reply
}

/// The headers of every answer.
pub(crate) fn limits(world: &World) -> Vec<(String, String)> {
    let header = |name: &str, value: String| (name.to_owned(), value);
    vec![
        header("date", json::http_date(world.now)),
        header("content-type", "application/json; charset=utf-8".to_owned()),
        header("x-ratelimit-limit", "5000".to_owned()),
        header("x-ratelimit-remaining", world.remaining.to_string()),
        header("x-ratelimit-reset", (world.now + RESET).to_string()),
    ]
}

/// Whoever is not let in at all.
fn refused(world: &World, request: &Request) -> Option<Reply> {
    let given = request.header("authorization").unwrap_or_default();
    let own = [format!("Bearer {}", world.token), format!("token {}", world.token)];
    if !own.iter().any(|own| own == given) {
        return Some(error(401, "Bad credentials"));
    }
    if world.remaining == 0 {
        return Some(error(403, "API rate limit exceeded for user ID 1."));
    }
    None
}

fn route(world: &mut World, api: &str, request: &Request) -> Reply {
    if graphql::is_question(request) {
        return graphql::answer(world, request);
    }
    let segments: Vec<String> = request.path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let rest = match segments.as_slice() {
        ["user"] if world.login.ends_with("[bot]") => {
            return error(403, "Resource not accessible by integration");
        }
        ["user"] => return reply(200, &json::user(&world.login)),
        ["graphql"] => return pulls::graphql(world, request),
        ["repositories", "1", rest @ ..] => rest,
        ["repos", owner, name, rest @ ..] => {
            let given = format!("{owner}/{name}");
            if world.old_names.contains(&given) {
                return moved(api, request, rest);
            }
            if !given.eq_ignore_ascii_case(&world.full_name()) {
                return error(404, "Not Found");
            }
            rest
        }
        _ => return error(404, "Not Found"),
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => reply(200, &json::repository(world, api)),
        ("GET", ["collaborators", login, "permission"]) => permission(world, login),
        ("GET", ["labels", name]) if world.labels.contains(*name) => {
            reply(200, &json!({"name": name, "color": "ededed"}))
        }
        ("GET", ["assignees", login]) if world.permissions.contains_key(*login) => empty(204),
        ("POST", ["labels"]) => make_label(world, request),
        (_, ["issues", ..]) => issues(world, api, request, &rest[1..]),
        (_, ["pulls", ..]) => pulls::pulls(world, api, request, &rest[1..]),
        _ => error(404, "Not Found"),
    }
}

fn issues(world: &mut World, api: &str, request: &Request, rest: &[&str]) -> Reply {
    if world.issues_disabled {
        return error(410, "Issues are disabled for this repo");
    }
    let is_write = request.method != "GET";
    if is_write && world.archived {
        return error(403, "Repository was archived so is read-only.");
    }
    if is_write && !world.may_write {
        return without_right("issues=write");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let number = rest.first().and_then(|text| text.parse::<u64>().ok());
    if let Some(number) = number {
        match world.issues.get(&number) {
            None => return error(404, "Not Found"),
            Some(issue) if issue.deleted => return error(410, "This issue was deleted"),
            Some(_) => {}
        }
    }
    if let Some(refused) = too_long(world, &body) {
        return refused;
    }
    match (request.method.as_str(), number, rest.get(1)) {
        ("GET", None, None) => list(world, api, request),
        ("POST", None, None) => make_issue(world, api, &body),
        ("GET", Some(number), None) => show(world, api, number, 200),
        ("PATCH", Some(number), None) => change(world, api, number, &body),
        ("GET", Some(number), Some(&"comments")) => comments(world, number, request),
        ("POST", Some(number), Some(&"comments")) => make_comment(world, number, &body),
        _ => error(404, "Not Found"),
    }
}

/// A text that is longer than any is taken.
pub(crate) fn too_long(world: &World, body: &Value) -> Option<Reply> {
    let is_long = body["body"].as_str()?.chars().count() > world.longest_body;
    let said = "Validation Failed: body is too long (maximum is 65536 characters)";
    is_long.then(|| error(422, said))
}

fn list(world: &mut World, api: &str, request: &Request) -> Reply {
    let query = |name: &str| parameter(request, name);
    let state = query("state").unwrap_or_else(|| "open".to_owned());
    let labels: Vec<String> =
        query("labels").map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let mut found = Vec::new();
    let late = |issue: &mut Issue| {
        let is_late = issue.unlisted > 0;
        issue.unlisted = issue.unlisted.saturating_sub(1);
        is_late
    };
    let numbers: Vec<u64> = world.issues.keys().rev().copied().collect();
    for number in numbers {
        if world.issues.get_mut(&number).is_none_or(late) {
            continue;
        }
        if let Some(issue) = world.issues.get(&number)
            && !issue.deleted
            && (state == "all" || (state == "closed") == issue.closed)
            && labels.iter().all(|label| issue.labels.contains(label))
        {
            found.push(json::issue(world, api, issue));
        }
    }
    if query("direction").as_deref() == Some("asc") {
        found.reverse();
    }
    reply(200, &page(found, request))
}

pub(crate) fn page(all: Vec<Value>, request: &Request) -> Value {
    let number = |name: &str| parameter(request, name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).clamp(1, 100);
    let skip = (number("page").unwrap_or(1).max(1) - 1) * size;
    all.into_iter().skip(skip).take(size).collect()
}

pub(crate) fn parameter(request: &Request, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.query.as_bytes());
    pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

fn make_issue(world: &mut World, api: &str, body: &Value) -> Reply {
    let texts = |name: &str| -> Vec<String> {
        let all = body[name].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let assignees = texts("assignees");
    if assignees.iter().any(|login| !world.permissions.contains_key(login)) {
        let errors = json!([{"resource": "Issue", "field": "assignees", "code": "invalid"}]);
        return reply(422, &json!({"message": "Validation Failed", "errors": errors}));
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let login = world.login.clone();
    let number = world.open(&login, &text("title"), &text("body"));
    // Labels that are not there are made by the way where the token may, and else left out.
    let mut labels = texts("labels");
    if world.may_label {
        world.labels.extend(labels.iter().cloned());
    } else {
        labels.retain(|label| world.labels.contains(label));
    }
    for label in &labels {
        world.label(number, &login, label);
    }
    if let Some(issue) = world.issues.get_mut(&number) {
        issue.assignees = assignees;
    }
    show(world, api, number, 201)
}

fn change(world: &mut World, api: &str, number: u64, body: &Value) -> Reply {
    let login = world.login.clone();
    match body["state"].as_str() {
        Some("closed") => world.set_closed(number, &login, true),
        Some("open") => world.set_closed(number, &login, false),
        _ => {}
    }
    if let Some(issue) = world.issues.get_mut(&number) {
        if let Some(text) = body["body"].as_str() {
            issue.body = text.to_owned();
            issue.edited_at = Some(issue.updated_at);
        }
        if let Some(reason) = body["state_reason"].as_str() {
            issue.state_reason = Some(reason.to_owned());
        }
    }
    show(world, api, number, 200)
}

fn show(world: &World, api: &str, number: u64, status: u16) -> Reply {
    match world.issues.get(&number) {
        Some(issue) => reply(status, &json::issue(world, api, issue)),
        None => error(404, "Not Found"),
    }
}

fn comments(world: &World, number: u64, request: &Request) -> Reply {
    let all = world.issues.get(&number).into_iter().flat_map(|issue| &issue.comments);
    let all = all.map(|comment| json::comment(world, number, comment)).collect();
    reply(200, &page(all, request))
}

fn make_comment(world: &mut World, number: u64, body: &Value) -> Reply {
    if world.issues.get(&number).is_some_and(|issue| issue.locked) {
        return error(403, "Unable to create comment because issue is locked.");
    }
    let login = world.login.clone();
    match world.comment(number, &login, body["body"].as_str().unwrap_or_default()) {
        Some(comment) => reply(201, &json::comment(world, number, &comment)),
        None => error(404, "Not Found"),
    }
}

fn make_label(world: &mut World, request: &Request) -> Reply {
    if !world.may_label || !world.may_write {
        return without_right("issues=write; pull_requests=write");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if !world.labels.insert(name.clone()) {
        let errors = json!([{"resource": "Label", "field": "name", "code": "already_exists"}]);
        return reply(422, &json!({"message": "Validation Failed", "errors": errors}));
    }
    reply(201, &json!({"name": name, "color": "ededed"}))
}

fn permission(world: &World, login: &str) -> Reply {
    if !world.may_look_up {
        return error(403, "Must have push access to view collaborator permission.");
    }
    let right = world.permissions.get(login).map_or("read", String::as_str);
    reply(200, &json!({"permission": right, "role_name": right, "user": json::user(login)}))
}

pub(crate) fn without_right(right: &str) -> Reply {
    let mut reply = error(403, "Resource not accessible by personal access token");
    reply.headers.push(("x-accepted-github-permissions".to_owned(), right.to_owned()));
    reply
}

fn moved(api: &str, request: &Request, rest: &[&str]) -> Reply {
    let status = if request.method == "GET" { 301 } else { 307 };
    let query = if request.query.is_empty() { "" } else { &format!("?{}", request.query) };
    let path: String = rest.iter().map(|segment| format!("/{segment}")).collect();
    let mut reply = error(status, "Moved Permanently");
    reply.headers.push(("location".to_owned(), format!("{api}/repositories/1{path}{query}")));
    reply
}

pub(crate) fn error(status: u16, message: &str) -> Reply {
    let page = "https://docs.github.com/rest";
    reply(
        status,
        &json!({"message": message, "documentation_url": page, "status": status.to_string()}),
    )
}

pub(crate) fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn empty(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

/// A segment of a path without its percent signs.
fn decoded(segment: &str) -> String {
    let plus = segment.replace('+', "%2B");
    let pair = form_urlencoded::parse(plus.as_bytes()).next();
    pair.map(|(name, _)| name.into_owned()).unwrap_or_default()
}
