//! A source is bound to the signal of its publisher before it runs.

use std::sync::mpsc;
use std::time::Duration;

use flagkit_core::source::{Load, LoadError, Provenance, Signal, Source, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Flag, Flags};

use crate::support::{only_a, only_source};

struct Plain;

impl Source for Plain {
    fn provenance(&self) -> Provenance {
        Provenance::new("plain:")
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(Load::new(only_a(Flag::on())))
    }
}

#[test]
fn a_source_does_nothing_by_default_when_it_is_bound() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Plain.provenance());
    let before = format!("{:?}", publisher.signal());
    let mut sources: [Box<dyn Source>; 2] = [Box::new(Plain), Box::new(Box::new(Plain))];
    for source in &mut sources {
        source.bind(publisher.signal());
    }
    assert_eq!(format!("{:?}", publisher.signal()), before, "no hook and no notification");
    assert_eq!(publisher.wait(Duration::ZERO), Wake::TimedOut);
    assert_eq!(only_source(&flags).state, SourceState::Starting);
}

struct Hooked(mpsc::Sender<()>);

impl Source for Hooked {
    fn provenance(&self) -> Provenance {
        Provenance::new("hooked:")
    }

    fn bind(&mut self, signal: &Signal) {
        let sender = self.0.clone();
        signal.on_stop(move || sender.send(()).expect("the test listens"));
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        Ok(Load::new(only_a(Flag::on())))
    }
}

#[test]
fn a_boxed_source_is_bound_like_any_other() {
    let (sender, hooks) = mpsc::channel();
    let mut source: Box<dyn Source> = Box::new(Box::new(Hooked(sender)));
    let signal = Signal::new();
    source.bind(&signal);
    assert!(hooks.try_recv().is_err());
    signal.stop();
    assert_eq!(hooks.try_iter().count(), 1);
}
