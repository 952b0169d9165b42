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
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    events: usize,
    bytes: usize,
    unread_beats: u8,
    ended: Option<Ending>,
    waker: Option<Waker>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one. When there is no room the queue ends, and what is in it goes: its follower comes back for it.
    pub(super) fn push(&self, item: Item) -> Result<(), Full> {
        let mut state = self.state();
        if state.ended.is_some() {
            return Ok(());
        }
        let fits = match &item {
            Item::Event(event) => state.add(event),
            Item::Restart(_) => true,
            Item::Beat(_) => state.add_beat(),
        };
        if !fits {
            state.end(Ending::TooSlow);
        } else if !matches!(item, Item::Beat(_)) || state.unread_beats == 1 {
            state.items.push_back(item);
        }
        state.wake();
        if fits { Ok(()) } else { Err(Full) }
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
        let queue = Queue::default();
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
        let (queue, large) = (Queue::default(), Arc::new(large));
        assert_eq!(queue.push(Item::Event(Arc::clone(&large))), Ok(()));
        assert!(matches!(read(&queue), Poll::Ready(Ok(Item::Event(_)))));
        assert_eq!(queue.push(Item::Event(Arc::clone(&large))), Ok(()));
        assert_eq!(queue.push(one()), Err(Full));
    }

    #[test]
    fn one_that_does_not_read_is_noticed_by_its_beats_though_no_event_comes() {
        let queue = Queue::default();
        for position in 1..5 {
            assert_eq!(queue.push(Item::Beat(position)), Ok(()));
            assert!(matches!(read(&queue), Poll::Ready(Ok(Item::Beat(at))) if at == position));
        }
        assert_eq!([5, 6, 7].map(|position| queue.push(Item::Beat(position))), [Ok(()), Ok(()), Err(Full)]);
        assert!(matches!(read(&queue), Poll::Ready(Err(Ending::TooSlow))));
        assert!(queue.poll_cut_off(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn at_a_shutdown_what_waits_still_goes_out_and_after_the_tokens_end_nothing_does() {
        let (stopped, expired) = (Queue::default(), Queue::default());
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
