//! The requests as each vendor gets them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::providers::Route;
use crate::transport::Call;
use crate::wire::dialect::{self, SchemaWay};
use crate::wire::{Form, Question, call, check};
use crate::{Endpoint, Facts, Kind, Message, MessageRole, Schema, Secret};

fn endpoint(kind: Kind, base: &str) -> Endpoint {
    Endpoint {
        api_key: Some(Secret::new("sk-1".to_owned())),
        headers: BTreeMap::from([("x-title".to_owned(), "belay".to_owned())]),
        ..Endpoint::new(kind, base.parse().unwrap())
    }
}

fn plain() -> Form {
    Form::first(&dialect::Dialect::default())
}

fn sent(endpoint: &Endpoint, form: Form, facts: &Facts) -> Call {
    let say = |role, content: &str| Message { role, content: content.to_owned() };
    let messages = [say(MessageRole::System, "Be brief."), say(MessageRole::User, "Is all well?")];
    let model = "p/vendor/m-1".parse().unwrap();
    let schema = Schema {
        name: "health".to_owned(),
        body: json!({"type": "object", "properties": {"ok": {"type": "boolean"}},
            "required": ["ok"], "additionalProperties": false}),
    };
    let question = Question {
        route: Route { model: &model, endpoint, facts, dialect: dialect::at(&endpoint.base_url) },
        messages: &messages,
        schema: &schema,
        form,
    };
    call(&question).unwrap()
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

#[test]
fn a_chat_completion_carries_the_schema_as_a_parameter() {
    let endpoint = endpoint(Kind::OpenAi, "https://api.example/v1/");
    let call = sent(&endpoint, plain(), &Facts::default());
    assert_eq!(call.url.as_str(), "https://api.example/v1/chat/completions");
    assert_eq!(call.headers["authorization"], "Bearer sk-1");
    assert_eq!(call.headers["x-title"], "belay");
    assert!(!format!("{:?}", call.headers).contains("sk-1"));
    insta::assert_json_snapshot!(body(&call), @r#"
    {
      "model": "vendor/m-1",
      "messages": [
        {
          "role": "system",
          "content": "Be brief."
        },
        {
          "role": "user",
          "content": "Is all well?"
        }
      ],
      "stream": true,
      "stream_options": {
        "include_usage": true
      },
      "response_format": {
        "type": "json_schema",
        "json_schema": {
          "name": "health",
          "strict": true,
          "schema": {
            "type": "object",
            "properties": {
              "ok": {
                "type": "boolean"
              }
            },
            "required": [
              "ok"
            ],
            "additionalProperties": false
          }
        }
      }
    }
    "#);
}

#[test]
fn a_chat_completion_without_parameters_carries_the_schema_in_the_prompt() {
    let endpoint = endpoint(Kind::OpenAi, "https://api.example/v1");
    let form = Form { schema: SchemaWay::Prompt, usage_in_stream: false, ..plain() };
    insta::assert_json_snapshot!(body(&sent(&endpoint, form, &Facts::default())), @r#"
    {
      "model": "vendor/m-1",
      "messages": [
        {
          "role": "system",
          "content": "Be brief.\n\nAnswer with one JSON object that fits this JSON Schema, and with nothing else: no prose before or after it.\n{\"type\":\"object\",\"properties\":{\"ok\":{\"type\":\"boolean\"}},\"required\":[\"ok\"],\"additionalProperties\":false}"
        },
        {
          "role": "user",
          "content": "Is all well?"
        }
      ],
      "stream": true
    }
    "#);
}

#[test]
fn a_messages_request_carries_the_schema_in_its_system_text() {
    let endpoint = endpoint(Kind::Anthropic, "https://api.anthropic.com");
    let facts = Facts { max_output_tokens: Some(64_000), ..Facts::default() };
    let call = sent(&endpoint, plain(), &facts);
    assert_eq!(call.url.as_str(), "https://api.anthropic.com/v1/messages");
    assert_eq!(call.headers["x-api-key"], "sk-1");
    assert_eq!(call.headers["anthropic-version"], "2023-06-01");
    assert!(call.headers.get("authorization").is_none());
    insta::assert_json_snapshot!(body(&call), @r#"
    {
      "model": "vendor/m-1",
      "max_tokens": 64000,
      "system": "Be brief.\n\nAnswer with one JSON object that fits this JSON Schema, and with nothing else: no prose before or after it.\n{\"type\":\"object\",\"properties\":{\"ok\":{\"type\":\"boolean\"}},\"required\":[\"ok\"],\"additionalProperties\":false}",
      "messages": [
        {
          "role": "user",
          "content": "Is all well?"
        }
      ],
      "stream": true,
      "output_config": {
        "format": {
          "type": "json_schema",
          "schema": {
            "type": "object",
            "properties": {
              "ok": {
                "type": "boolean"
              }
            },
            "required": [
              "ok"
            ],
            "additionalProperties": false
          }
        }
      }
    }
    "#);
}

/// A difference that is known beforehand costs no refused request.
#[test]
fn each_dialect_is_asked_in_its_own_way() {
    let asked = |base: &str| {
        let endpoint = Endpoint { dialect: None, ..endpoint(Kind::OpenAi, base) };
        let form = Form::first(dialect::at(&endpoint.base_url));
        sent(&endpoint, form, &Facts::default())
    };
    let azure = asked("https://x.openai.azure.com/openai/v1");
    assert_eq!(azure.headers["api-key"], "sk-1");
    assert!(azure.headers.get("authorization").is_none());
    let groq = body(&asked("https://api.groq.com/openai/v1"));
    assert_eq!(groq["response_format"], json!({"type": "json_object"}));
    assert!(groq["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"));
    let mistral = body(&asked("https://api.mistral.ai/v1"));
    assert!(mistral.get("stream_options").is_none() && mistral["stream"] == true);
    // A gateway may drop the parameter in silence.
    let router = body(&asked("https://openrouter.ai/api/v1"));
    assert_eq!(router["response_format"]["type"], "json_schema");
    assert!(router["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"));
}

#[test]
fn without_a_system_role_standing_orders_begin_the_first_message() {
    let endpoint = endpoint(Kind::OpenAi, "https://x.example/v1");
    let form = Form { system_role: false, stream: false, ..plain() };
    let body = body(&sent(&endpoint, form, &Facts::default()));
    let messages = json!([{"role": "user", "content": "Be brief.\n\nIs all well?"}]);
    assert_eq!((&body["messages"], &body["stream"]), (&messages, &json!(false)));
    assert!(body.get("stream_options").is_none());
}

#[test]
fn the_version_is_not_doubled_and_a_query_stays() {
    let url = |kind, base| {
        let endpoint = endpoint(kind, base);
        sent(&endpoint, plain(), &Facts::default()).url.to_string()
    };
    let anthropic = url(Kind::Anthropic, "https://gateway.example/anthropic/v1");
    assert_eq!(anthropic, "https://gateway.example/anthropic/v1/messages");
    let azure = url(Kind::OpenAi, "https://x.example/openai/deployments/d?api-version=1");
    let expected = "https://x.example/openai/deployments/d/chat/completions?api-version=1";
    assert_eq!(azure, expected);
}

#[test]
fn a_header_of_the_settings_replaces_our_own() {
    let mut endpoint = endpoint(Kind::OpenAi, "https://x.example");
    let own = ("Authorization".to_owned(), "Basic abc".to_owned());
    endpoint.headers = BTreeMap::from([own]);
    let call = sent(&endpoint, plain(), &Facts::default());
    assert_eq!(call.headers["authorization"], "Basic abc");
}

#[test]
fn an_endpoint_that_cannot_be_asked_says_why_without_its_secrets() {
    let good = endpoint(Kind::OpenAi, "https://x.example");
    assert_eq!(check(&good), Ok(()));
    let mut scheme = good.clone();
    scheme.base_url = "ftp://x.example".parse().unwrap();
    let mut key = good.clone();
    key.api_key = Some(Secret::new("sk\nsecret".to_owned()));
    let mut name = good.clone();
    name.headers = BTreeMap::from([("a b".to_owned(), "secret".to_owned())]);
    let mut value = good;
    value.headers = BTreeMap::from([("a".to_owned(), "secret\n".to_owned())]);
    for endpoint in [scheme, key, name, value] {
        let problem = check(&endpoint).unwrap_err();
        assert!(!problem.contains("secret"), "{problem}");
    }
}
