//! Stages of a life, and a driver that goes through them as the controllers do: passes, until nothing is left to do.

use crate::support::{World, converge_bus, converge_rule, run};
use operator_core::deletion::DeletionStep;
use operator_core::economy::{Economy, Now};
use operator_core::error::ErrorClass;
use operator_core::fake::{Fault, When};
use operator_core::names::QueueName;
use operator_core::ports::{Aws, Counts};
use operator_core::tags::Tags;
use operator_core::{AwsError, bus, inbox, rule};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// So many passes end any stage.
const ENOUGH: usize = 60;

/// What should be, and what should go.
#[derive(Default)]
pub struct Stage {
    pub buses: Vec<bus::Desired>,
    pub inboxes: Vec<inbox::Desired>,
    pub rules: Vec<rule::Desired>,
    pub going_buses: Vec<bus::Deletion>,
    pub going_inboxes: Vec<inbox::Deletion>,
    pub going_rules: Vec<rule::Deletion>,
    /// Whether what goes leaves everything in AWS, for whoever adopts it.
    pub retain: bool,
    /// How many messages queues hold from here on.
    pub holding: Vec<(QueueName, u64)>,
}

/// What befalls a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// The operator ends right after it took effect: what it remembers is lost.
    Crash,
    /// The operator ends right before it would have been made.
    CrashBefore,
    /// AWS's doing: the operator goes on.
    Fault(Fault),
}

/// What a life came to.
pub struct Course {
    /// Everything that was in AWS before it began.
    pub before: BTreeMap<String, (Tags, String)>,
    /// Everything in AWS after each stage.
    pub after_each_stage: Vec<BTreeMap<String, (Tags, String)>>,
    /// How many changes in AWS it took.
    pub changes: u64,
}

impl Course {
    /// Runs a life to its end, with a disturbance of one change.
    pub fn run(stages: &impl Fn(&World) -> Vec<Stage>, disturbed: Option<(u64, Disturbance)>) -> Self {
        Self::drive(stages, disturbed, ENOUGH)
    }

    /// Makes a single pass a stage.
    pub fn run_once(stages: &impl Fn(&World) -> Vec<Stage>, disturbed: (u64, Disturbance)) -> Self {
        Self::drive(stages, Some(disturbed), 1)
    }

    fn drive(stages: &impl Fn(&World) -> Vec<Stage>, disturbed: Option<(u64, Disturbance)>, passes: usize) -> Self {
        let world = World::new();
        let stages = stages(&world);
        let before = world.fake.things();
        let made_before = world.fake.tally().writes();
        if let Some((change, disturbance)) = disturbed {
            let fault = match disturbance {
                Disturbance::Crash => Fault::Unavailable(When::After),
                Disturbance::CrashBefore => Fault::Unavailable(When::Before),
                Disturbance::Fault(fault) => fault,
            };
            world.fake.fail_write(change, fault);
        }
        let crashes = disturbed.is_some_and(|(_, what)| matches!(what, Disturbance::Crash | Disturbance::CrashBefore));
        let after_each_stage = run(async {
            let mut after = Vec::new();
            let mut economy = economy(&world);
            for stage in stages {
                for (queue, visible) in &stage.holding {
                    world.fake.set_counts(queue, Counts { visible: *visible, in_flight: 0, delayed: 0 });
                }
                for number in 1..=passes {
                    match pass(&world, &economy, &stage).await {
                        Ok(true) => break,
                        // The operator is another one by now, which knows nothing.
                        Err(_) if crashes => economy = self::economy(&world),
                        Ok(false) | Err(_) => {}
                    }
                    assert!(number < ENOUGH, "{disturbed:?}: it never ends");
                    world.clock.advance(Duration::from_secs(61));
                }
                after.push(world.fake.things());
            }
            after
        });
        Self { before, after_each_stage, changes: world.fake.tally().writes() - made_before }
    }
}

fn economy(world: &World) -> Economy {
    let clock = world.clock.clone();
    let now: Now = Arc::new(move || clock.now());
    Economy::new(&world.aws, &world.installation.cluster_id, Duration::from_mins(10), &now)
}

/// One pass over every object, each as far as it comes; whether nothing was left to do, or the first error.
async fn pass(world: &World, economy: &Economy, stage: &Stage) -> Result<bool, AwsError> {
    let Stage { buses, inboxes, rules, going_buses, going_inboxes, going_rules, retain, holding: _ } = stage;
    let (aws, fresh) = (&economy.aws, &economy.fresh);
    let mut outcomes = Vec::new();
    for desired in buses {
        outcomes.push(converge_bus(aws, desired).await.map(|(_, actions)| actions == 0));
    }
    for desired in inboxes {
        outcomes.push(stay_inbox(world, aws, desired).await);
    }
    for desired in rules {
        outcomes.push(converge_rule(aws, desired).await.map(|(_, actions)| actions == 0));
    }
    for going in going_rules {
        outcomes.push(leave_rule(fresh, going, *retain).await);
    }
    for going in going_inboxes {
        outcomes.push(leave_inbox(world, fresh, going, *retain).await);
    }
    for going in going_buses {
        outcomes.push(leave_bus(fresh, going, *retain).await);
    }
    let mut done = true;
    for outcome in outcomes {
        match outcome {
            Ok(nothing_left) => done &= nothing_left,
            // Waited for quietly, as the controllers do.
            Err(error) if error.class == ErrorClass::QueueDeletedRecently => done = false,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// As the controller does it: with an eye on the age of messages, and former keys last.
async fn stay_inbox(world: &World, aws: &Aws, desired: &inbox::Desired) -> Result<bool, AwsError> {
    let mut observed = inbox::observe(aws, desired).await?;
    inbox::judge_key(desired, observed.key.as_ref()).unwrap();
    observed.expiring = inbox::weigh_expiry(aws, desired, &observed, world.clock.now()).await?;
    let mut actions = inbox::plan(desired, &observed);
    if actions.is_empty() {
        actions = inbox::retire_keys(desired, &observed);
    }
    let applied = inbox::apply(aws, desired, &observed, &actions).await?;
    Ok(actions.is_empty() && applied.lingering.is_empty())
}

async fn leave_bus(aws: &Aws, going: &bus::Deletion, retain: bool) -> Result<bool, AwsError> {
    let seen = bus::observe_deletion(aws, going).await?;
    match if retain { bus::plan_release(going, &seen) } else { bus::plan_deletion(going, &seen) } {
        DeletionStep::Act(actions) => bus::apply_deletion(aws, going, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}

async fn leave_rule(aws: &Aws, going: &rule::Deletion, retain: bool) -> Result<bool, AwsError> {
    let seen = rule::observe_deletion(aws, going).await?;
    match if retain { rule::plan_release(going, &seen) } else { rule::plan_deletion(going, &seen) } {
        DeletionStep::Act(actions) => rule::apply_deletion(aws, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}

async fn leave_inbox(world: &World, aws: &Aws, going: &inbox::Deletion, retain: bool) -> Result<bool, AwsError> {
    let seen = inbox::observe_deletion(aws, going).await?;
    let step =
        if retain { inbox::plan_release(going, &seen) } else { inbox::plan_deletion(going, &seen, world.clock.now()) };
    match step {
        DeletionStep::Act(actions) => inbox::apply_deletion(aws, going, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}
