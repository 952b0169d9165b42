//! W3C Trace Context: the `traceparent` that ties what several programs do for one event together.
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::fmt;

use rand::Rng as _;

/// Which span of which trace: what a `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl TraceContext {
    /// A trace that begins here, to be recorded.
    pub fn begin() -> Self {
        Self { trace: not_zero(), span: not_zero(), sampled: true }
    }

    /// A span of its own in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: not_zero(), ..self }
    }

    /// Reads a `traceparent` of version 00, or the members of 00 of a later one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes(version)?;
        if version == 0xFF || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let [flags] = bytes(flags)?;
        let (trace, span) = (bytes(trace)?, bytes(span)?);
        let is_named = trace != [0; 16] && span != [0; 8];
        is_named.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// The trace's id, in hex.
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }

    /// The span's id, in hex.
    pub fn span_id(&self) -> String {
        hex::encode(self.span)
    }

    /// Whether who began the trace has it recorded.
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }
}

/// As `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), u8::from(self.sampled))
    }
}

/// Lower-case hex of exactly so many bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

/// An id is not all zeros.
fn not_zero<const N: usize>() -> [u8; N] {
    loop {
        let mut id = [0; N];
        rand::rng().fill(&mut id[..]);
        if id != [0; N] {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent = TraceContext::parse(TEXT).unwrap();
        assert_eq!(parent.to_string(), TEXT);
        let child = TraceContext::parse(&parent.child().to_string()).unwrap();
        assert_eq!((child.trace_id(), child.is_sampled()), (parent.trace_id(), true));
        assert_ne!(child.span_id(), parent.span_id());
        assert_ne!(TraceContext::begin().trace_id(), TraceContext::begin().trace_id());
        assert_eq!(TraceContext::parse(&TraceContext::begin().to_string()).unwrap().to_string().len(), TEXT.len());
    }

    #[test]
    fn what_a_trace_may_not_be_is_none() {
        assert!(!TraceContext::parse(&TEXT.replace("-01", "-00")).unwrap().is_sampled());
        assert!(TraceContext::parse(&format!("{}-later", TEXT.replacen("00", "cc", 1))).is_some());
        for bad in [
            "",
            "00-a-b-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
