//! Whatever is put in comes out, in whatever portions.

use checkpoint_store::{NewRecord, RunId, RunStore as _, SqliteStore};
use proptest::prelude::*;
use serde_json::Value;

use crate::conformance::{batch, new_run};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = NewRecord> {
    ("\\PC{1,40}", json()).prop_map(|(kind, body)| NewRecord { kind, body })
}

#[test]
fn every_new_id_is_new() {
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| RunId::generate()).collect();
    assert_eq!(ids.len(), 1000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out_in_order(
        batches in prop::collection::vec(prop::collection::vec(record(), 0..5), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(dir.path(), "here").await.unwrap();
            let lease = store.create(new_run("idea"), vec![]).await.unwrap();
            let mut given = Vec::new();
            for records in batches {
                given.extend(records.clone());
                store.commit(&lease, batch(records)).await.unwrap();
            }
            // Through another connection: what is read is what is on the disk.
            let again = SqliteStore::open(dir.path(), "here").await.unwrap();
            let entries = again.records(lease.run(), 0).await.unwrap();
            let came: Vec<_> = entries
                .iter()
                .map(|entry| NewRecord { kind: entry.kind.clone(), body: entry.body.clone() })
                .collect();
            assert_eq!(came, given);
            assert!(entries.iter().zip(1..).all(|(entry, seq)| entry.seq == seq));
        });
    }

    #[test]
    fn an_id_survives_being_written_down(number in any::<u128>()) {
        let run = RunId::from(ulid::Ulid::from(number));
        prop_assert_eq!(run.to_string().parse::<RunId>().unwrap(), run);
        prop_assert_eq!(run.to_string().to_lowercase().parse::<RunId>().unwrap(), run);
        let json = serde_json::to_string(&run).unwrap();
        prop_assert_eq!(serde_json::from_str::<RunId>(&json).unwrap(), run);
    }

    #[test]
    fn no_text_makes_parsing_an_id_panic(text in any::<String>()) {
        if let Ok(run) = text.parse::<RunId>() {
            prop_assert_eq!(run.to_string(), text.to_uppercase());
        }
    }
}
