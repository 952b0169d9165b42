//! What waits for one follower: bounded in events and in bytes, and ended when it is full or not read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::cursor::Position;
use crate::event::Event;

/// Events that may wait.
pub(super) const EVENTS: usize = 64;
/// Bytes of events that may wait; one event may be larger.
const BYTES: usize = 1 << 20;
/// Beats that may go unread.
const BEATS: u8 = 2;
/// Ticks of the clock without an event until a beat.
pub const TICKS: u8 = 15;
/// Up to so many fewer after an event: many get the same one, and their beats are not to come all at once.
const FEWER: u8 = 5;

/// What comes out of a queue.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event that the follower may see.
    Event(Arc<Event>),
    /// The journal began anew at this position.
    Restart(Position),
    /// Nothing, but everything up to this position has come out before.
    Beat(u64),
}

/// Why no more comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The follower does not read as fast as events come.
    TooSlow,
    /// Its token ended.
    TokenExpired,
    /// The gateway stops.
    Shutdown,
}

/// The queue has no room: it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A follower's queue. Empty, it holds no memory.
#[derive(Debug)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    events: usize,
    bytes: usize,
    unread_beats: u8,
    /// Ticks since the last sign of life.
    quiet: u8,
    /// How many there seem to have been right after an event.
    quiet_after_event: u8,
    ended: Option<Ending>,
    waker: Option<Waker>,
}

impl Queue {
    /// That of a follower of this number, by which the beats of all of them are spread.
    pub(super) fn new(number: u64) -> Self {
        let spread = |over: u8| u8::try_from(number % u64::from(over)).unwrap_or_default();
        Self(Mutex::new(State { quiet: spread(TICKS), quiet_after_event: spread(FEWER), ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one. When there is no room the queue ends, and what is in it goes: its follower comes back for it.
    pub(super) fn push(&self, item: Item) -> Result<(), Full> {
        self.state().push(item)
    }

    /// The clock ticks: where nothing was written for a while, a beat of this position is added.
    pub(super) fn tick(&self, position: u64) -> Result<(), Full> {
        let mut state = self.state();
        state.quiet += 1;
        if state.quiet < TICKS {
            return Ok(());
        }
        state.quiet = 0;
        state.push(Item::Beat(position))
    }

    /// An event is on the wire, which is a sign of life as good as a beat.
    pub(super) fn written(&self) {
        let mut state = self.state();
        state.quiet = state.quiet_after_event;
    }

    /// Ends it.
    pub(super) fn end(&self, ending: Ending) {
        let mut state = self.state();
        if state.ended.is_none() {
            state.end(ending);
        }
        state.wake();
    }

    /// The next one, or why there will be none.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Item, Ending>> {
        let mut state = self.state();
        if let Some(item) = state.take() {
            return Poll::Ready(Ok(item));
        }
        if let Some(ending) = state.ended {
            return Poll::Ready(Err(ending));
        }
        state.listen(context);
        Poll::Pending
    }

    /// Whether it ended since its follower is too slow: what is being written is not worth waiting for.
    pub(super) fn poll_cut_off(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.ended == Some(Ending::TooSlow) {
            return Poll::Ready(());
        }
        state.listen(context);
        Poll::Pending
    }
}

impl State {
    fn push(&mut self, item: Item) -> Result<(), Full> {
        if self.ended.is_some() {
            return Ok(());
        }
        let fits = match &item {
            Item::Event(event) => self.add(event),
            Item::Restart(_) => true,
            Item::Beat(_) => self.add_beat(),
        };
        if !fits {
            self.end(Ending::TooSlow);
        } else if !matches!(item, Item::Beat(_)) || self.unread_beats == 1 {
            self.items.push_back(item);
        }
        self.wake();
        if fits { Ok(()) } else { Err(Full) }
    }

    fn add(&mut self, event: &Event) -> bool {
        let bytes = self.bytes + event.json.block().size();
        let fits = self.events == 0 || (self.events < EVENTS && bytes <= BYTES);
        if fits {
            self.events += 1;
            self.bytes = bytes;
        }
        fits
    }

    fn add_beat(&mut self) -> bool {
        self.unread_beats += 1;
        self.unread_beats <= BEATS
    }

    fn take(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        match &item {
            Item::Event(event) => {
                self.events -= 1;
                self.bytes -= event.json.block().size();
            }
            Item::Beat(_) => self.unread_beats = 0,
            Item::Restart(_) => {}
        }
        if self.items.is_empty() {
            // Most followers wait most of the time.
            self.items = VecDeque::new();
        }
        Some(item)
    }

    fn end(&mut self, ending: Ending) {
        self.ended = Some(ending);
        if ending != Ending::Shutdown {
            (self.items, self.events, self.bytes) = (VecDeque::new(), 0, 0);
        }
    }

    fn listen(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::viewer::tests::event;

    fn read(queue: &Queue) -> Poll<Result<Item, Ending>> {
        queue.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn one() -> Item {
        Item::Event(Arc::new(event(Some("ada"), None, true)))
    }

    #[test]
    fn past_its_bound_it_ends_and_lets_go_of_what_it_held() {
        let queue = Queue::new(0);
        let shared = Arc::new(event(Some("ada"), None, true));
        for _ in 0..EVENTS {
            assert_eq!(queue.push(Item::Event(Arc::clone(&shared))), Ok(()));
        }
        assert_eq!(queue.push(one()), Err(Full));
        assert!(matches!(read(&queue), Poll::Ready(Err(Ending::TooSlow))));
        assert_eq!(Arc::strong_count(&shared), 1);
        assert_eq!(queue.push(one()), Ok(()), "it has ended once");
    }

    #[test]
    fn large_events_fill_it_sooner_and_one_always_fits() {
        let mut large = event(Some("ada"), None, true);
        large.json = crate::sse::Json::of(&"x".repeat(BYTES)).unwrap();
        let (queue, large) = (Queue::new(0), Arc::new(large));
        assert_eq!(queue.push(Item::Event(Arc::clone(&large))), Ok(()));
        assert!(matches!(read(&queue), Poll::Ready(Ok(Item::Event(_)))));
        assert_eq!(queue.push(Item::Event(Arc::clone(&large))), Ok(()));
        assert_eq!(queue.push(one()), Err(Full));
    }

    #[test]
    fn one_that_does_not_read_is_noticed_by_its_beats_though_no_event_comes() {
        let queue = Queue::new(0);
        for position in 1..5 {
            assert_eq!(queue.push(Item::Beat(position)), Ok(()));
            assert!(matches!(read(&queue), Poll::Ready(Ok(Item::Beat(at))) if at == position));
        }
        assert_eq!([5, 6, 7].map(|position| queue.push(Item::Beat(position))), [Ok(()), Ok(()), Err(Full)]);
        assert!(matches!(read(&queue), Poll::Ready(Err(Ending::TooSlow))));
        assert!(queue.poll_cut_off(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    /// After how many ticks there is a beat, of 40 at most, where an event is written every so many.
    fn ticks_to_a_beat(queue: &Queue, written_every: Option<u8>) -> Option<u8> {
        (1..=40).find(|nth| {
            assert_eq!(queue.tick(7), Ok(()));
            if written_every.is_some_and(|every| nth % every == 0) {
                queue.written();
            }
            matches!(read(queue), Poll::Ready(Ok(Item::Beat(7))))
        })
    }

    #[test]
    fn who_gets_events_needs_no_beat_and_who_gets_none_has_one_in_time() {
        for number in 0..30 {
            let queue = Queue::new(number);
            assert!(ticks_to_a_beat(&queue, None).is_some_and(|first| first <= TICKS), "{number}");
            assert_eq!(ticks_to_a_beat(&queue, None), Some(TICKS), "{number}");
            assert_eq!(ticks_to_a_beat(&queue, Some(10)), None, "{number}");
            let behind_an_event = ticks_to_a_beat(&queue, None).unwrap();
            assert!((TICKS - FEWER..=TICKS).contains(&behind_an_event), "{number}: {behind_an_event}");
        }
    }

    #[test]
    fn at_a_shutdown_what_waits_still_goes_out_and_after_the_tokens_end_nothing_does() {
        let (stopped, expired) = (Queue::new(0), Queue::new(0));
        for queue in [&stopped, &expired] {
            assert_eq!(queue.push(one()), Ok(()));
        }
        stopped.end(Ending::Shutdown);
        expired.end(Ending::TokenExpired);
        assert!(matches!(read(&stopped), Poll::Ready(Ok(Item::Event(_)))));
        assert!(matches!(read(&stopped), Poll::Ready(Err(Ending::Shutdown))));
        assert!(matches!(read(&expired), Poll::Ready(Err(Ending::TokenExpired))));
    }
}
