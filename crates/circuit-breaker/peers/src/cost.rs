//! What a call costs: the shortest of many short samples, as a machine that others use too makes a
//! sample longer and never shorter. The subjects take turns, so that a slow minute is everyone's.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use circuit_breaker::{CircuitBreaker, Registry, Settings, SystemClock};
use tower::{Service, ServiceExt};

use crate::peers::{Failed, Work, tower_resilience};

const CALLS: u32 = 2_000;
const SAMPLES: usize = 1_000;
const LONG: Duration = Duration::from_secs(3600);

/// A call, many times.
type Subject<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

pub fn run() {
    closed();
    open();
    bytes();
}

#[repr(align(128))]
#[derive(Default)]
struct Apart(AtomicU64);

fn closed() {
    let (gate, count) = (Apart::default(), Apart::default());
    let registry = Registry::new(Settings::default(), SystemClock);
    let ours = registry.breaker(&"a");
    let rate = circuit_breaker::FailureRate { percent: 50, calls: 100, minimum: 10 };
    let with_rate = Settings { failure_rate: Some(rate), ..Settings::default() };
    let with_rate = CircuitBreaker::new(with_rate, SystemClock);
    let failsafe = failsafe::Config::new().build();
    let recloser = recloser::Recloser::custom().build();
    let rs =
        circuitbreaker_rs::CircuitBreaker::<circuitbreaker_rs::DefaultPolicy, Failed>::builder()
            .build();
    let tower = std::sync::Mutex::new(tower_resilience(|builder| builder));
    let towers = || tower.lock().map(|tower| tower.clone()).expect("nobody panics");
    let subjects: Vec<Subject<'_>> = vec![
        many("floor: one load, one addition", || {
            black_box(gate.0.load(Ordering::Acquire));
            count.0.fetch_add(1, Ordering::Relaxed);
        }),
        many("circuit-breaker", || {
            if let Ok(permit) = ours.try_acquire() {
                let _ = black_box(permit.success());
            }
        }),
        many("circuit-breaker, call", || {
            let _ =
                black_box(ours.call(|| Ok::<_, Failed>(()), circuit_breaker::every_error_counts));
        }),
        many("circuit-breaker, owned permit", || {
            if let Ok(permit) = ours.try_acquire_owned() {
                let _ = black_box(permit.success());
            }
        }),
        many("circuit-breaker, with a failure rate", || {
            if let Ok(permit) = with_rate.try_acquire() {
                let _ = black_box(permit.success());
            }
        }),
        many("failsafe 1.3.0", || {
            use failsafe::CircuitBreaker as _;
            let _ = black_box(failsafe.call(|| Ok::<_, Failed>(())));
        }),
        many("recloser 1.4.0", || {
            let _ = black_box(recloser.call(|| Ok::<_, Failed>(())));
        }),
        many("circuitbreaker-rs 0.1.1", || {
            let _ = black_box(rs.call(|| Ok::<_, Failed>(())));
        }),
        ("tower-resilience 0.14.0", {
            let towers = &towers;
            Box::new(move || {
                let mut service = towers();
                for _ in 0..CALLS {
                    through(&mut service, true);
                }
            })
        }),
    ];
    report("closed, admit and record success, one thread", &subjects, 1);
    report("closed, admit and record success, two threads on one breaker", &subjects, 2);
}

fn open() {
    let ours = CircuitBreaker::new(Settings::default(), SystemClock);
    ours.trip_for(LONG);
    use failsafe::CircuitBreaker as _;
    let backoff = failsafe::backoff::constant(LONG);
    let policy = failsafe::failure_policy::consecutive_failures(1, backoff);
    let failsafe = failsafe::Config::new().failure_policy(policy).build();
    let _ = failsafe.call(|| Err::<(), _>(Failed));
    let recloser =
        recloser::Recloser::custom().closed_len(1).error_rate(0.5).open_wait(LONG).build();
    for _ in 0..5 {
        let _ = recloser.call(|| Err::<(), _>(Failed));
    }
    let rs =
        circuitbreaker_rs::CircuitBreaker::<circuitbreaker_rs::DefaultPolicy, Failed>::builder()
            .cooldown(LONG)
            .build();
    rs.force_open();
    let tower =
        tower_resilience(|builder| builder.consecutive_failures(1).wait_duration_in_open(LONG));
    through(&mut tower.clone(), false);
    let tower = std::sync::Mutex::new(tower);
    let towers = || tower.lock().map(|tower| tower.clone()).expect("nobody panics");
    let subjects: Vec<Subject<'_>> = vec![
        many("floor: one reading of the monotonic clock", || {
            black_box(Instant::now());
        }),
        many("circuit-breaker", || {
            let _ = black_box(ours.try_acquire().is_err());
        }),
        many("circuit-breaker, with the time to wait looked at", || {
            let _ = black_box(ours.try_acquire().map(drop));
        }),
        many("failsafe 1.3.0", || {
            let _ = black_box(failsafe.call(|| Ok::<_, Failed>(())));
        }),
        many("recloser 1.4.0", || {
            let _ = black_box(recloser.call(|| Ok::<_, Failed>(())));
        }),
        many("circuitbreaker-rs 0.1.1", || {
            let _ = black_box(rs.call(|| Ok::<_, Failed>(())));
        }),
        ("tower-resilience 0.14.0", {
            let towers = &towers;
            Box::new(move || {
                let mut service = towers();
                for _ in 0..CALLS {
                    through(&mut service, true);
                }
            })
        }),
    ];
    report("open, reject, one thread", &subjects, 1);
}

fn through<S: Service<Work> + Clone>(service: &mut S, well: bool) {
    let call = async {
        match service.ready().await {
            Ok(ready) => black_box(ready.call(Work::ended(well)).await).is_ok(),
            Err(_) => false,
        }
    };
    block_on(call);
}

/// Wakes the thread that waits.
struct Parked(std::thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(call: impl Future<Output = T>) -> T {
    thread_local! {
        static WAKER: Waker = Waker::from(Arc::new(Parked(std::thread::current())));
    }
    let mut call = std::pin::pin!(call);
    WAKER.with(|waker| {
        loop {
            if let Poll::Ready(done) = call.as_mut().poll(&mut Context::from_waker(waker)) {
                return done;
            }
            std::thread::park();
        }
    })
}

fn many<'a>(name: &'static str, one: impl Fn() + Sync + 'a) -> Subject<'a> {
    let all = move || {
        for _ in 0..CALLS {
            one();
        }
    };
    (name, Box::new(all))
}

fn report(title: &str, subjects: &[Subject<'_>], threads: usize) {
    let mut shortest = vec![f64::MAX; subjects.len()];
    let mut taken = vec![0_u32; subjects.len()];
    for _ in 0..SAMPLES {
        for (at, (_, subject)) in subjects.iter().enumerate() {
            let sample = if threads == 1 { alone(subject) } else { together(subject) };
            if let Some(nanos) = sample {
                shortest[at] = shortest[at].min(nanos);
                taken[at] += 1;
            }
        }
    }
    println!("\n| {title} | ns | ratio | samples |\n| --- | --- | --- | --- |");
    for (((name, _), nanos), taken) in subjects.iter().zip(&shortest).zip(&taken) {
        println!("| {name} | {nanos:.2} | {:.2} | {taken} |", nanos / shortest[0]);
    }
}

/// Nanoseconds for a call.
fn alone(subject: &(dyn Fn() + Sync)) -> Option<f64> {
    let began = Instant::now();
    subject();
    Some(began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS))
}

/// Nanoseconds for a call of each of two threads, if they ran at the same time: where others use
/// the machine too, one often begins when the other has ended, and then nothing was contended.
fn together(subject: &(dyn Fn() + Sync)) -> Option<f64> {
    const ROUNDS: u32 = 10;
    let waiting = AtomicU64::new(2);
    let timed = || {
        waiting.fetch_sub(1, Ordering::SeqCst);
        while waiting.load(Ordering::SeqCst) > 0 {
            std::hint::spin_loop();
        }
        let began = Instant::now();
        (0..ROUNDS).for_each(|_| subject());
        (began, Instant::now())
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(timed);
        let other = timed();
        (one.join().ok(), other)
    });
    let one = one?;
    let whole = one.1.max(other.1) - one.0.min(other.0);
    let shared = one.1.min(other.1).checked_duration_since(one.0.max(other.0))?;
    let nanos = whole.as_secs_f64() * 1e9 / f64::from(CALLS * ROUNDS);
    (shared * 20 >= whole * 19).then_some(nanos)
}

fn bytes() {
    fn of<T>(make: impl Fn() -> T) -> (usize, u64) {
        let mut made = None;
        let info = allocation_counter::measure(|| made = Some(make()));
        (std::mem::size_of::<T>(), u64::try_from(info.bytes_current).unwrap_or(0))
    }
    let registry = Registry::new(Settings::default(), SystemClock);
    let mut kept = Vec::with_capacity(1000);
    let thousand = allocation_counter::measure(|| {
        kept.extend((0..1000_u32).map(|key| registry.breaker(&key)));
    });
    println!("\n| bytes, the value and what it allocates | value | heap |\n| --- | --- | --- |");
    let ours = of(|| CircuitBreaker::new(Settings::default(), SystemClock));
    println!("| circuit-breaker, alone | {} | {} |", ours.0, ours.1);
    let probes = Settings { probes: 2, ..Settings::default() };
    let own = of(|| CircuitBreaker::new(probes.clone(), SystemClock));
    println!("| circuit-breaker, alone, with settings of its own | {} | {} |", own.0, own.1);
    let (all, each) = (thousand.bytes_current, thousand.bytes_current / 1000);
    println!("| circuit-breaker, of 1000 in a registry with its maps | 8 | {each} ({all}) |");
    let failed = allocation_counter::measure(|| {
        for _ in 0..4 {
            for breaker in &kept {
                let _ = breaker.try_acquire().map(|permit| permit.failure());
                let _ = breaker.try_acquire().map(|permit| permit.success());
            }
            let _ = registry.drain_events();
        }
    });
    println!("| what 8000 calls add to those | | {} |", failed.bytes_current);
    let failsafe = of(|| failsafe::Config::new().build());
    println!("| failsafe 1.3.0 | {} | {} |", failsafe.0, failsafe.1);
    let recloser = of(|| recloser::Recloser::custom().build());
    println!("| recloser 1.4.0 | {} | {} |", recloser.0, recloser.1);
    let rs = of(|| {
        circuitbreaker_rs::CircuitBreaker::<circuitbreaker_rs::DefaultPolicy, Failed>::builder()
            .build()
    });
    println!("| circuitbreaker-rs 0.1.1 | {} | {} |", rs.0, rs.1);
    let tower = of(|| tower_resilience(|builder| builder));
    println!("| tower-resilience 0.14.0 | {} | {} |", tower.0, tower.1);
}
