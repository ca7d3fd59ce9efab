//! Nine files in three milestones, some of which do not work without others,
//! and coders that fail by a coin: the same for the same seed, file and asking,
//! whatever the order in which requests arrive.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulated_models::{Answers, Fault, FileAnswer, ModelScript, Script, Server, Step};

use crate::harness::Bench;

/// A file of the plan.
pub(crate) struct Planned {
    pub(crate) path: &'static str,
    /// The file that it reads when it runs.
    pub(crate) needs: Option<&'static str>,
    code: &'static str,
}

const fn file(path: &'static str, needs: Option<&'static str>, code: &'static str) -> Planned {
    Planned { path, needs, code }
}

/// One milestone of the plan.
pub(crate) struct Milestone {
    pub(crate) name: &'static str,
    pub(crate) files: &'static [Planned],
}

/// A cart is nothing without its prices, of the same milestone; a bill is
/// nothing without the cart, of the milestone before.
pub(crate) const MILESTONES: [Milestone; 3] = [
    Milestone {
        name: "Numbers",
        files: &[
            file("lib/add.sh", None, "add() { echo $(($1 + $2)); }\n[ \"$(add 2 3)\" = 5 ]\n"),
            file("lib/sub.sh", None, "sub() { echo $(($1 - $2)); }\n[ \"$(sub 5 3)\" = 2 ]\n"),
            file("lib/mul.sh", None, "mul() { echo $(($1 * $2)); }\n[ \"$(mul 2 3)\" = 6 ]\n"),
        ],
    },
    Milestone {
        name: "Shop",
        files: &[
            file("shop/tax.sh", None, "tax() { echo $(($1 / 5)); }\n[ \"$(tax 10)\" = 2 ]\n"),
            file("shop/price.sh", None, "price() { echo 7; }\n[ \"$(price)\" = 7 ]\n"),
            file(
                "shop/cart.sh",
                Some("shop/price.sh"),
                "cart() { echo $(($(price) * $1)); }\n[ \"$(cart 2)\" = 14 ]\n",
            ),
            file("shop/ship.sh", None, "ship() { echo 4; }\n[ \"$(ship)\" = 4 ]\n"),
        ],
    },
    Milestone {
        name: "Paper",
        files: &[
            file("paper/list.sh", None, "list() { echo \"$@\"; }\n[ \"$(list a b)\" = \"a b\" ]\n"),
            file(
                "paper/bill.sh",
                Some("shop/cart.sh"),
                "bill() { echo \"to pay: $(cart $1)\"; }\n[ \"$(bill 3)\" = \"to pay: 21\" ]\n",
            ),
        ],
    },
];

/// Runs every file that is there; each one tests itself.
pub(crate) const TESTS: &str = r#"status=0
for file in lib/*.sh shop/*.sh paper/*.sh; do
  [ -f "$file" ] || continue
  sh -eu "./$file" || { echo "$file does not work"; status=1; }
done
exit $status
"#;

pub(crate) const TEST_COMMAND: &str = "sh test.sh";
pub(crate) const BRANCH: &str = "belay/001-shop";
pub(crate) const MILESTONE_RETRIES: usize = 2;
pub(crate) const FIX_ROUNDS: usize = 2;

/// More than a file is asked for in one run.
const ASKINGS: usize = 12;

/// The files of all milestones.
pub(crate) fn files() -> impl Iterator<Item = &'static Planned> {
    MILESTONES.iter().flat_map(|milestone| milestone.files)
}

/// The repository before the run.
pub(crate) fn bench(server: &Server) -> Bench {
    let idea = "# Shop\n\nA shop that adds up.\n";
    let bench = Bench::with_files([("test.sh", TESTS), ("ideas/backlog/001-shop.md", idea)]);
    // Breakers are off: they would make what one file's coder meets depend on another's.
    bench.config(
        server,
        &format!(
            "roles:\n  planner: {{ chain: [a/plan] }}\n  coder: {{ chain: [a/first, b/second] }}\n  reviewer: {{ chain: [a/review] }}\nfailover: {{ first_token_timeout: 4s }}\ncircuit_breaker: {{ enabled: false }}\nrun: {{ parallel: 4, test_command: \"{TEST_COMMAND}\", milestone_retries: {MILESTONE_RETRIES}, fix_rounds: {FIX_ROUNDS} }}\n"
        ),
    );
    bench
}

/// The file as a coder writes it the n-th time; every time otherwise, so that
/// mending is no empty answer.
pub(crate) fn content(file: &Planned, version: usize) -> String {
    let needs = file.needs.map(|path| format!(". ./{path}\n")).unwrap_or_default();
    format!("# version {version}\n{needs}{}", file.code)
}

/// What one model does when it is asked once for a file.
#[derive(Clone, Debug)]
pub(crate) struct Misdeed {
    fault: Fault,
    /// As against an answer that is no good.
    out_of_reach: bool,
    /// Once more on the same model, or one repair, where the contract has it.
    requests: u64,
}

/// How one asking for a file goes, on both models of the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    first: Option<Misdeed>,
    second: Option<Misdeed>,
}

impl Fate {
    pub(crate) fn succeeds(&self) -> bool {
        self.first.is_none() || self.second.is_none()
    }

    /// Whether no model could be had.
    pub(crate) fn is_want(&self) -> bool {
        !self.succeeds() && self.misdeeds().all(|misdeed| misdeed.out_of_reach)
    }

    fn misdeeds(&self) -> impl Iterator<Item = &Misdeed> {
        self.first.iter().chain(&self.second)
    }

    /// What the first and the second model are sent.
    fn requests_each(&self) -> (u64, u64) {
        let of = |misdeed: &Option<Misdeed>| misdeed.as_ref().map_or(1, |found| found.requests);
        (of(&self.first), if self.first.is_some() { of(&self.second) } else { 0 })
    }

    pub(crate) fn requests(&self) -> u64 {
        let (first, second) = self.requests_each();
        first + second
    }
}

/// Decides how coders fail. `chance` is a fraction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coin {
    pub(crate) seed: u64,
    pub(crate) chance: (u64, u64),
}

impl Coin {
    /// How the n-th asking for a file goes, counted from 0.
    pub(crate) fn fate(&self, path: &str, asking: usize) -> Fate {
        let key = format!("{} {:?} {path} {asking}", self.seed, self.chance);
        let mut dice = Dice(key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }));
        let (failing, of) = self.chance;
        let fails = dice.roll() % of < failing;
        let kind = self.out_of_reach(&mut dice);
        let first = misdeed(&mut dice, kind);
        // The two models mostly fail alike.
        let kind = if dice.roll().is_multiple_of(4) { self.out_of_reach(&mut dice) } else { kind };
        let second = misdeed(&mut dice, kind);
        match (fails, dice.roll() % 6) {
            (true, _) => Fate { first: Some(first), second: Some(second) },
            (false, 0) => Fate { first: Some(first), second: None },
            (false, _) => Fate::default(),
        }
    }

    /// A third of the runs meets nothing but models out of reach, a third nothing
    /// but bad answers.
    fn out_of_reach(&self, dice: &mut Dice) -> bool {
        match (self.seed + self.chance.0 + self.chance.1) % 3 {
            0 => true,
            1 => false,
            _ => dice.roll().is_multiple_of(2),
        }
    }

    /// What the models do, all askings of one run.
    pub(crate) fn script(&self) -> Script {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for file in files() {
            let (mut at_first, mut at_second) = (1, 1);
            for asking in 0..ASKINGS {
                let fate = self.fate(file.path, asking);
                let (to_first, to_second) = fate.requests_each();
                first.extend(step(file, &mut at_first, to_first, fate.first));
                second.extend(step(file, &mut at_second, to_second, fate.second));
            }
        }
        Script::with_model("first", ModelScript::steps(first))
            .and_model("second", ModelScript::steps(second))
            .with_answers(answers())
    }
}

/// The misdeed at the model's next so many requests for the file.
fn step(file: &Planned, at: &mut u64, requests: u64, misdeed: Option<Misdeed>) -> Option<Step> {
    let from = *at;
    *at += requests;
    let fault = misdeed.filter(|_| requests > 0)?.fault;
    Some(Step::path(file.path, fault).in_calls(from..*at))
}

fn misdeed(dice: &mut Dice, out_of_reach: bool) -> Misdeed {
    let unknown_model = || Fault::Status {
        status: 404,
        retry_after: None,
        body: Some(
            r#"{"error":{"message":"The model does not exist","code":"model_not_found"}}"#.into(),
        ),
    };
    let (fault, requests) = match (out_of_reach, dice.roll() % 16) {
        (true, 0) => (Fault::Stall { after_chunks: 0 }, 1),
        (true, 1..=3) => (unknown_model(), 1),
        (true, 4..=6) => (Fault::status(500), 2),
        (true, 7..=9) => (Fault::ResetBeforeHeaders, 2),
        (true, 10..=11) => (Fault::Cut { after_chunks: 1 }, 2),
        (true, _) => (Fault::status(503), 2),
        (false, 0..=5) => (Fault::Placeholder, 2),
        (false, 6..=10) => (Fault::WrongSchema, 2),
        (false, _) => (Fault::NotJson, 2),
    };
    Misdeed { fault, out_of_reach, requests }
}

/// Models that do nothing wrong.
pub(crate) fn healthy() -> Script {
    Script::default().with_answers(answers())
}

fn answers() -> Answers {
    let version = |version: usize| -> BTreeMap<String, FileAnswer> {
        let answer =
            |file: &Planned| (file.path.to_owned(), FileAnswer::create(content(file, version)));
        files().map(answer).collect()
    };
    let milestones: Vec<Value> = MILESTONES
        .iter()
        .map(|milestone| {
            let create: Vec<&str> = milestone.files.iter().map(|file| file.path).collect();
            json!({ "name": milestone.name, "description": "", "files": { "create": create, "modify": [], "delete": [] }, "read": [], "tests": [] })
        })
        .collect();
    Answers {
        plan: json!({ "milestones": milestones, "risks": [], "success_criteria": [], "confidence": 0.9 }),
        changes_rounds: (1..=ASKINGS).map(version).collect(),
        ..Answers::default()
    }
}

/// Numbers that look random and are the same for the same start (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
