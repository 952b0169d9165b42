//! Stages of a life, and a driver that goes through them as the controllers do: passes, until nothing is left to do.

use super::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::deletion::DeletionStep;
use operator_core::economy::{Economy, Now};
use operator_core::error::ErrorClass;
use operator_core::fake::{Fault, When};
use operator_core::ports::Aws;
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
            for stage in stages(&world) {
                for number in 1..=passes {
                    match pass(&world, &economy, &stage).await {
                        Ok(true) => break,
                        Ok(false) => {}
                        // The operator is another one by now, which knows nothing.
                        Err(_) if crashes => economy = self::economy(&world),
                        Err(_) => {}
                    }
                    assert!(number < ENOUGH, "{disturbed:?}: it never ends");
                    world.clock.advance(Duration::from_secs(61));
                }
                after.push(world.fake.things());
            }
            after
        });
        Self { after_each_stage, changes: world.fake.tally().writes() }
    }
}

fn economy(world: &World) -> Economy {
    let clock = world.clock.clone();
    let now: Now = Arc::new(move || clock.now());
    Economy::new(&world.aws, &world.installation.cluster_id, Duration::from_mins(10), &now)
}

/// One pass over every object, each as far as it comes; whether nothing was left to do, or the first error.
async fn pass(world: &World, economy: &Economy, stage: &Stage) -> Result<bool, AwsError> {
    let Stage { buses, inboxes, rules, going_buses, going_inboxes, going_rules } = stage;
    let (aws, fresh) = (&economy.aws, &economy.fresh);
    let mut outcomes = Vec::new();
    for desired in buses {
        outcomes.push(converge_bus(aws, desired).await.map(|(_, actions)| actions == 0));
    }
    for desired in inboxes {
        let outcome = converge_inbox(aws, desired).await;
        outcomes.push(outcome.map(|(applied, actions)| actions == 0 && applied.lingering.is_empty()));
    }
    for desired in rules {
        outcomes.push(converge_rule(aws, desired).await.map(|(_, actions)| actions == 0));
    }
    for going in going_rules {
        outcomes.push(leave_rule(fresh, going).await);
    }
    for going in going_inboxes {
        outcomes.push(leave_inbox(world, fresh, going).await);
    }
    for going in going_buses {
        outcomes.push(leave_bus(fresh, going).await);
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

async fn leave_bus(aws: &Aws, going: &bus::Deletion) -> Result<bool, AwsError> {
    let seen = bus::observe_deletion(aws, going).await?;
    match bus::plan_deletion(going, &seen) {
        DeletionStep::Act(actions) => bus::apply_deletion(aws, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}

async fn leave_rule(aws: &Aws, going: &rule::Deletion) -> Result<bool, AwsError> {
    let seen = rule::observe_deletion(aws, going).await?;
    match rule::plan_deletion(going, &seen) {
        DeletionStep::Act(actions) => rule::apply_deletion(aws, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}

async fn leave_inbox(world: &World, aws: &Aws, going: &inbox::Deletion) -> Result<bool, AwsError> {
    let seen = inbox::observe_deletion(aws, going).await?;
    match inbox::plan_deletion(going, &seen, world.clock.now()) {
        DeletionStep::Act(actions) => inbox::apply_deletion(aws, going, &actions).await.map(|()| false),
        step => Ok(step == DeletionStep::Gone),
    }
}
