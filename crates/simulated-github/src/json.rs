//! Issues, comments and people as GitHub writes them, as far as anybody reads it.

use serde_json::{Value, json};

use crate::world::{Comment, Issue, Pull, World};

/// Days in the months of a year that is no leap year.
const MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

pub(crate) fn user(login: &str) -> Value {
    json!({"login": login, "id": number_of(login), "type": kind(login), "site_admin": false})
}

/// What sort of account a name is.
pub(crate) fn kind(login: &str) -> &'static str {
    if login.ends_with("[bot]") { "Bot" } else { "User" }
}

/// Some number that stays with a name.
fn number_of(login: &str) -> u64 {
    login.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_003)
}

pub(crate) fn issue(world: &World, api: &str, issue: &Issue) -> Value {
    let name = world.full_name();
    let labels = issue.labels.iter().map(|label| json!({"name": label, "color": "ededed"}));
    let mut value = json!({
        "url": format!("{api}/repos/{name}/issues/{}", issue.number),
        "repository_url": format!("{api}/repos/{name}"),
        "html_url": format!("https://github.com/{name}/issues/{}", issue.number),
        "id": 1_000 + issue.number,
        "number": issue.number,
        "title": issue.title,
        "user": user(&issue.author),
        "labels": labels.collect::<Vec<Value>>(),
        "state": if issue.closed { "closed" } else { "open" },
        "state_reason": issue.state_reason,
        "locked": issue.locked,
        "assignees": issue.assignees.iter().map(|one| user(one)).collect::<Vec<Value>>(),
        "comments": issue.comments.len(),
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "author_association": association(world, &issue.author),
        "body": if issue.body.is_empty() { Value::Null } else { json!(issue.body) },
        "closed_by": issue.closed_by.as_deref().map(user),
    });
    if issue.pull_request {
        value["pull_request"] =
            json!({"url": format!("{api}/repos/{name}/pulls/{}", issue.number)});
    }
    value
}

pub(crate) fn pull(world: &World, api: &str, issue: &Issue, pull: &Pull) -> Value {
    let name = world.full_name();
    let side = |branch: &str| {
        json!({
            "label": format!("{}:{branch}", world.owner),
            "ref": branch,
            "sha": world.branch(branch).unwrap_or_default(),
            "repo": {"full_name": name},
        })
    };
    json!({
        "url": format!("{api}/repos/{name}/pulls/{}", issue.number),
        "html_url": format!("https://github.com/{name}/pull/{}", issue.number),
        "id": 5_000 + issue.number,
        "node_id": node(issue.number),
        "number": issue.number,
        "title": issue.title,
        "user": user(&issue.author),
        "state": if issue.closed { "closed" } else { "open" },
        "locked": issue.locked,
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "merged_at": pull.merged.then(|| stamp(issue.updated_at)),
        "draft": pull.draft,
        "head": side(&pull.head),
        "base": side(&pull.base),
        "author_association": association(world, &issue.author),
        "body": if issue.body.is_empty() { Value::Null } else { json!(issue.body) },
    })
}

/// What the other interface knows a pull request by.
pub(crate) fn node(number: u64) -> String {
    format!("PR_{number:08}")
}

pub(crate) fn comment(world: &World, number: u64, comment: &Comment) -> Value {
    let name = world.full_name();
    json!({
        "id": comment.id,
        "html_url": format!("https://github.com/{name}/issues/{number}#issuecomment-{}", comment.id),
        "body": comment.body,
        "user": user(&comment.author),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.created_at),
        "author_association": association(world, &comment.author),
    })
}

pub(crate) fn repository(world: &World, api: &str) -> Value {
    let push = world.permissions.get(&world.login).is_some_and(|right| right != "read");
    json!({
        "id": 1,
        "name": world.name,
        "full_name": world.full_name(),
        "html_url": format!("https://github.com/{}", world.full_name()),
        "url": format!("{api}/repos/{}", world.full_name()),
        "has_issues": !world.issues_disabled,
        "archived": world.archived,
        "permissions": {"admin": false, "push": push, "pull": true},
    })
}

fn association(world: &World, login: &str) -> &'static str {
    match world.permissions.get(login).map(String::as_str) {
        Some("admin") => "OWNER",
        Some(_) => "COLLABORATOR",
        None => "NONE",
    }
}

/// `2027-01-15T08:00:00Z`.
pub(crate) fn stamp(at: u64) -> String {
    let (year, month, day) = date(at / 86_400);
    let (hour, minute, second) = time(at);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// As the header `date` has it: `Fri, 15 Jan 2027 08:00:00 GMT`.
pub(crate) fn http_date(at: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = date(at / 86_400);
    let (hour, minute, second) = time(at);
    let weekday = DAYS[(at / 86_400 % 7) as usize];
    let month = NAMES[(month - 1) as usize];
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

fn time(at: u64) -> (u64, u64, u64) {
    (at / 3_600 % 24, at / 60 % 60, at % 60)
}

fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in MONTHS {
        let length = length + u64::from(month == 2 && leap(year));
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_those_of_the_calendar() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(stamp(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(http_date(1_800_000_000), "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
