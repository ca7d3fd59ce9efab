//! A lane for each model: its attempts as bars on the line of time and as a strip of letters, and
//! below them the states of its breaker.

use std::collections::BTreeMap;

use model_providers::ModelId;
use orchestrator::{Event, Line};
use serde::Serialize;

use crate::attempts::{Attempt, End};
use crate::axis::Axis;
use crate::text;

/// Models, bars of one, and changes of a breaker that are shown at most.
const LANES: usize = 40;
const BARS: usize = 400;
const CHANGES: usize = 100;
/// Attempts of one model side by side that have room.
const TRACKS: usize = 4;
/// Heights, in pixels.
const TOP: usize = 3;
const TRACK: usize = 12;
const GAP: usize = 2;
const BAND: usize = 8;

/// One model.
#[derive(Serialize)]
pub(crate) struct Lane {
    model: String,
    roles: String,
    attempts: usize,
    answered: usize,
    bars: Vec<Bar>,
    more: usize,
    /// Where the breaker's states stand, and how high all of it is.
    below: usize,
    height: usize,
    bands: Vec<Band>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Bar {
    x: String,
    y: usize,
    width: String,
    style: &'static str,
    letter: &'static str,
    title: String,
}

/// A state of a breaker from one moment to another.
#[derive(Serialize)]
struct Band {
    x: String,
    width: String,
    state: &'static str,
    title: String,
}

#[derive(Serialize)]
struct Change {
    at: String,
    text: String,
}

/// The lanes, the one that was asked first on top; and how many were left out.
pub(crate) fn all(lines: &[Line], attempts: &[Attempt], axis: &Axis) -> (Vec<Lane>, usize) {
    let mut by_model: Vec<(ModelId, Vec<&Attempt>)> = Vec::new();
    for attempt in attempts {
        match by_model.iter_mut().find(|(model, _)| *model == attempt.model) {
            Some((_, of_model)) => of_model.push(attempt),
            None => by_model.push((attempt.model.clone(), vec![attempt])),
        }
    }
    let more = by_model.len().saturating_sub(LANES);
    let mut health = health(lines, axis);
    let lanes = by_model.into_iter().take(LANES).map(|(model, attempts)| {
        let states = health.remove(&model).unwrap_or_default();
        lane(&model, &attempts, &states, axis)
    });
    (lanes.collect(), more)
}

/// The states that are to be seen on some lane.
pub(crate) fn states(lanes: &[Lane]) -> Vec<&'static str> {
    let seen =
        |state: &&str| lanes.iter().flat_map(|lane| &lane.bands).any(|band| band.state == *state);
    ["monitoring", "open", "half-open", "resting"].into_iter().filter(seen).collect()
}

fn lane(model: &ModelId, attempts: &[&Attempt], states: &[State], axis: &Axis) -> Lane {
    let mut roles: Vec<String> = Vec::new();
    for attempt in attempts {
        let role = match attempt.position {
            0 => attempt.role.to_string(),
            position => format!("{} (fallback {position})", attempt.role),
        };
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let answered = attempts.iter().filter(|attempt| attempt.end == End::Answered).count();
    let tracks = tracks(attempts);
    let used = tracks.iter().max().map_or(1, |last| last + 1);
    let bars = attempts.iter().zip(&tracks).take(BARS);
    let below = TOP + used * (TRACK + GAP);
    Lane {
        model: text::line(&model.to_string()),
        roles: roles.join(", "),
        attempts: attempts.len(),
        answered,
        bars: bars.map(|(attempt, track)| bar(attempt, *track, axis)).collect(),
        below,
        height: below + BAND + TOP,
        more: attempts.len().saturating_sub(BARS),
        bands: states.iter().filter_map(|state| state.band(axis)).take(CHANGES).collect(),
        changes: states.iter().map(State::change).take(CHANGES).collect(),
    }
}

/// Attempts side by side stand below each other; where there are too many, the last ones overlap.
fn tracks(attempts: &[&Attempt]) -> Vec<usize> {
    let mut free_from = [0; TRACKS];
    let track = |attempt: &&Attempt| {
        let free = free_from.iter().position(|from| *from <= attempt.began);
        let track = free.unwrap_or(TRACKS - 1);
        free_from[track] = free_from[track].max(attempt.began + attempt.took);
        track
    };
    attempts.iter().map(track).collect()
}

fn bar(attempt: &Attempt, track: usize, axis: &Axis) -> Bar {
    let (at, took) = (text::clock(attempt.began), text::time(attempt.took));
    Bar {
        x: axis.place(attempt.began),
        y: TOP + track * (TRACK + GAP),
        width: axis.place(attempt.took),
        style: attempt.end.style(),
        letter: attempt.end.letter(),
        title: format!("{at} {}: {} after {took}", attempt.role, attempt.end.word()),
    }
}

/// What a breaker became, and until when it was that.
#[derive(Default)]
struct State {
    kind: &'static str,
    said: String,
    from: u64,
    to: u64,
}

impl State {
    fn band(&self, axis: &Axis) -> Option<Band> {
        let title = || format!("{} from {}", self.said, text::clock(self.from));
        (self.kind != CLOSED).then(|| Band {
            x: axis.place(self.from),
            width: axis.place(self.to.saturating_sub(self.from)),
            state: self.kind,
            title: title(),
        })
    }

    fn change(&self) -> Change {
        Change { at: text::clock(self.from), text: self.said.clone() }
    }
}

const CLOSED: &str = "closed";

fn health(lines: &[Line], axis: &Axis) -> BTreeMap<ModelId, Vec<State>> {
    let mut states: BTreeMap<ModelId, Vec<State>> = BTreeMap::new();
    for (row, line) in lines.iter().enumerate() {
        let Some((model, kind, said, lasts)) = change(&line.event) else { continue };
        let from = axis.at(row);
        let of_model = states.entry(model.clone()).or_default();
        if let Some(before) = of_model.last_mut() {
            before.to = before.to.min(from);
        }
        let to = lasts.map_or(axis.length(), |lasts| from.saturating_add(lasts).min(axis.length()));
        of_model.push(State { kind, said, from, to });
    }
    states
}

/// The model, its new state in a word and in its own words, and how long that lasts if it is known.
fn change(event: &Event) -> Option<(&ModelId, &'static str, String, Option<u64>)> {
    let probe = |state: &str, wait: Option<u64>| match wait {
        Some(wait) => format!("{}, next probe in {}", text::line(state), text::time(wait)),
        None => text::line(state),
    };
    Some(match event {
        Event::BreakerMonitoring { model, state, .. } => {
            (model, "monitoring", text::line(state), None)
        }
        Event::BreakerOpened { model, state, retry_in_ms, .. } => {
            (model, "open", probe(state, *retry_in_ms), None)
        }
        Event::BreakerHalfOpened { model, state, retry_in_ms, .. } => {
            (model, "half-open", probe(state, *retry_in_ms), None)
        }
        Event::BreakerClosed { model, state, .. } => (model, CLOSED, text::line(state), None),
        Event::ModelResting { model, class, retry_in_ms, .. } => {
            let said = format!("rests for {}: {class}", text::time(*retry_in_ms));
            (model, "resting", said, Some(*retry_in_ms))
        }
        _ => return None,
    })
}
