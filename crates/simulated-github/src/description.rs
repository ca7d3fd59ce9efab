//! GitHub's own description of the requests that it takes, cut down to those that belay sends
//! (`openapi/cut.mjs`), and what a request breaks of it.

use jsonschema::Validator;
use serde_json::Value;
use url::form_urlencoded;

use crate::graphql;
use crate::http::Request;

const DESCRIPTION: &str = include_str!("../openapi/github.json");
/// The kind of answer that GitHub advises everybody to ask for.
const ACCEPTED: &str = "application/vnd.github";

/// The other interface, which the description has nothing of.
const GRAPHQL: &str = "/graphql";
/// The one thing that only that one can do, as its own reference writes it.
const READY: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: { pullRequestId: $id }) { pullRequest { isDraft } } }";

/// The description, ready to be held against requests.
#[derive(Debug)]
pub(crate) struct Description {
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    method: String,
    path: Vec<String>,
    parameters: Vec<Parameter>,
    body: Option<Validator>,
    statuses: Vec<u64>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    place: String,
    required: bool,
    schema: Value,
    validator: Validator,
}

impl Description {
    /// # Errors
    /// If the description in the program is no such thing.
    pub(crate) fn read() -> Result<Self, String> {
        let whole: Value = serde_json::from_str(DESCRIPTION).map_err(|error| error.to_string())?;
        let mut operations = Vec::new();
        for (path, methods) in whole["paths"].as_object().into_iter().flatten() {
            for (method, given) in methods.as_object().into_iter().flatten() {
                operations.push(Operation::read(path, method, given)?);
            }
        }
        Ok(Self { operations })
    }

    /// What the request breaks. Paths by a repository's number stand for those by its name.
    pub(crate) fn violations(&self, request: &Request) -> Vec<String> {
        if graphql::is_question(request) {
            return graphql::violations(request);
        }
        if request.path == GRAPHQL {
            return broken_mutation(request);
        }
        let path = by_name(&request.path);
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let fits = |one: &&Operation| one.method == request.method && one.takes(&segments);
        let Some(operation) = self.operations.iter().find(fits) else {
            return vec![format!("{} {path}: no such operation", request.method)];
        };
        let mut broken = operation.broken_parameters(&segments, &request.query);
        broken.extend(operation.broken_body(&request.body));
        broken.extend(broken_headers(request));
        broken.iter().map(|one| format!("{} {path}: {one}", request.method)).collect()
    }

    /// Whether an operation may answer so; what the description leaves out is for all of them,
    /// as is 410 where issues are switched off.
    pub(crate) fn allows(&self, request: &Request, status: u16) -> bool {
        const ALL: [u16; 9] = [301, 307, 401, 403, 410, 429, 500, 502, 503];
        let path = by_name(&request.path);
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let mut fitting = self
            .operations
            .iter()
            .filter(|one| one.method == request.method && one.takes(&segments));
        ALL.contains(&status)
            || request.path == GRAPHQL && status == 200
            || fitting.any(|operation| operation.statuses.contains(&u64::from(status)))
    }
}

impl Operation {
    fn read(path: &str, method: &str, given: &Value) -> Result<Self, String> {
        let compiled =
            |schema: &Value| jsonschema::validator_for(schema).map_err(|error| error.to_string());
        let mut parameters = Vec::new();
        for one in given["parameters"].as_array().into_iter().flatten() {
            parameters.push(Parameter {
                name: one["name"].as_str().unwrap_or_default().to_owned(),
                place: one["in"].as_str().unwrap_or_default().to_owned(),
                required: one["required"].as_bool().unwrap_or_default(),
                schema: one["schema"].clone(),
                validator: compiled(&one["schema"])?,
            });
        }
        let body = given.get("body").map(|body| compiled(&body["schema"])).transpose()?;
        let statuses = given["statuses"].as_array().into_iter().flatten();
        Ok(Self {
            method: method.to_ascii_uppercase(),
            path: path.split('/').skip(1).map(str::to_owned).collect(),
            parameters,
            body,
            statuses: statuses.filter_map(Value::as_u64).collect(),
        })
    }

    fn takes(&self, segments: &[&str]) -> bool {
        let alike = |(own, given): (&String, &&str)| own.starts_with('{') || own == given;
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(alike)
    }

    fn broken_parameters(&self, segments: &[&str], query: &str) -> Vec<String> {
        let in_path = self.path.iter().zip(segments).filter_map(|(own, given)| {
            let name = own.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), (*given).to_owned(), "path"))
        });
        let in_query = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned(), "query"));
        let given: Vec<(String, String, &str)> = in_path.chain(in_query).collect();
        let mut broken = Vec::new();
        for (name, value, place) in &given {
            let known = self.parameters.iter().find(|one| one.name == *name && one.place == *place);
            match known {
                None => broken.push(format!("unknown {place} parameter {name}")),
                Some(known) if !known.takes(value) => broken.push(format!("{name}={value}")),
                Some(_) => {}
            }
        }
        let missing = self.parameters.iter().filter(|one| {
            one.required && !given.iter().any(|(name, _, place)| one.is(name, place))
        });
        broken.extend(missing.map(|one| format!("{} is missing", one.name)));
        broken
    }

    fn broken_body(&self, body: &[u8]) -> Vec<String> {
        match &self.body {
            None if body.is_empty() => Vec::new(),
            None => vec!["a body where none is taken".to_owned()],
            Some(validator) => match serde_json::from_slice::<Value>(body) {
                Err(error) => vec![format!("the body is no JSON: {error}")],
                Ok(value) => validator.iter_errors(&value).map(|e| e.to_string()).collect(),
            },
        }
    }
}

impl Parameter {
    fn is(&self, name: &str, place: &str) -> bool {
        self.name == name && self.place == place
    }

    fn takes(&self, text: &str) -> bool {
        let is_number = self.schema["type"] == "integer";
        let value = match text.parse::<u64>() {
            Ok(number) if is_number => Value::from(number),
            _ => Value::from(text),
        };
        !text.is_empty() && self.validator.is_valid(&value)
    }
}

fn broken_mutation(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let names = body.as_object().map(|all| all.keys().map(String::as_str).collect::<Vec<_>>());
    let is_known = request.method == "POST"
        && names.is_some_and(|names| names == ["query", "variables"])
        && body["query"] == READY
        && body["variables"]["id"].is_string();
    let mut broken = broken_headers(request);
    broken.extend((!is_known).then(|| format!("an unknown query: {body}")));
    broken
}

fn broken_headers(request: &Request) -> Vec<String> {
    let mut broken = Vec::new();
    if request.header("user-agent").is_none_or(str::is_empty) {
        broken.push("GitHub refuses a request without a User-Agent".to_owned());
    }
    let accept = request.header("accept").unwrap_or_default();
    if !accept.starts_with(ACCEPTED) {
        broken.push(format!("accept: {accept}"));
    }
    broken
}

/// `/repositories/1/issues` as `/repos/0/1/issues`.
fn by_name(path: &str) -> String {
    match path.strip_prefix("/repositories/") {
        Some(rest) => format!("/repos/0/{rest}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, query: &str, body: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: vec![
                ("User-Agent".into(), "t".into()),
                ("Accept".into(), "application/vnd.github+json".into()),
            ],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_github_takes_is_taken() {
        let description = Description::read().unwrap();
        for (method, path, query, body) in [
            ("GET", "/repos/o/r", "", ""),
            ("GET", "/repos/o/r/issues", "state=all&per_page=100&page=2&labels=belay", ""),
            ("GET", "/repositories/7/issues/3", "", ""),
            ("POST", "/repos/o/r/issues", "", r#"{"title":"t","labels":["a"],"assignees":[]}"#),
            ("PATCH", "/repos/o/r/issues/3", "", r#"{"state":"closed","state_reason":null}"#),
            ("GET", "/repos/o/r/pulls", "state=all&head=o%3Aa%2Fb&per_page=100", ""),
            ("POST", "/repos/o/r/pulls", "", r#"{"title":"t","head":"a/b","base":"main"}"#),
        ] {
            let broken = description.violations(&request(method, path, query, body));
            assert_eq!(broken, [""; 0], "{method} {path}");
        }
    }

    #[test]
    fn what_github_refuses_or_ignores_is_a_violation() {
        let description = Description::read().unwrap();
        for (method, path, query, body) in [
            ("DELETE", "/repos/o/r", "", ""),
            ("GET", "/repos/o/r/nothing", "", ""),
            ("GET", "/repos/o/r/issues", "state=any", ""),
            ("GET", "/repos/o/r/issues", "per_page=many", ""),
            ("GET", "/repos/o/r/issues", "label=belay", ""),
            ("GET", "/repos/o/r/issues/x", "", ""),
            ("GET", "/repos/o/r", "", "{}"),
            ("POST", "/repos/o/r/issues", "", r#"{"body":"no title"}"#),
            ("POST", "/repos/o/r/issues", "", r#"{"title":"t","label":["a"]}"#),
            ("POST", "/repos/o/r/issues", "", "title"),
            ("PATCH", "/repos/o/r/issues/3", "", r#"{"state":"done"}"#),
            ("POST", "/repos/o/r/pulls", "", r#"{"title":"t","head":"a/b"}"#),
            // Silently ignored by GitHub.
            ("PATCH", "/repos/o/r/pulls/3", "", r#"{"draft":false}"#),
            ("POST", "/graphql", "", r#"{"query":"{ viewer { login } }"}"#),
        ] {
            let broken = description.violations(&request(method, path, query, body));
            assert_eq!(broken.len(), 1, "{method} {path}?{query} {body}: {broken:?}");
        }
        let nameless = Request { headers: Vec::new(), ..request("GET", "/user", "", "") };
        assert_eq!(description.violations(&nameless).len(), 2);
    }
}
