//! What is measured.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(subcommand)]
    pub mode: Mode,
}

#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Measure, and print a table.
    Measure(Measure),
    /// Be the operator that is measured.
    Operate(Operate),
}

#[derive(Debug, Clone, Args)]
pub struct Measure {
    /// So many InboxQueues, and as many EventRules.
    #[arg(long, default_value_t = 1000)]
    pub objects: usize,
    /// Also measure this many, to see whether the cost of an object grows; may be given more than once.
    #[arg(long, default_values_t = [100])]
    pub scale: Vec<usize>,
    /// Leave a part out; may be given more than once.
    #[arg(long, value_enum)]
    pub skip: Vec<Part>,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// A part that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// One look at every object: takes five minutes.
    Resync,
    /// 25 ms on every AWS call.
    Latency,
    /// Half of all AWS calls throttled.
    Throttling,
    /// The product's default call budgets, and EventBridge's rate.
    Budgets,
}

#[derive(Debug, Clone, Args)]
pub struct Operate {
    /// Of the API server.
    #[arg(long)]
    pub kubeconfig: PathBuf,
    /// Milliseconds that every AWS call takes.
    #[arg(long, default_value_t = 0)]
    pub latency: u64,
    /// Of a thousand AWS calls, so many are throttled.
    #[arg(long, default_value_t = 0)]
    pub throttled: u16,
    /// Keep the call budgets that the product has by default; AWS then keeps EventBridge's rate too.
    #[arg(long)]
    pub budgets: bool,
    /// Seconds between two looks at an object.
    #[arg(long)]
    pub resync: u64,
}
