//! The handles that `flag!(in …)` and `variant!(in …)` accept.
//!
//! # The problem
//!
//! Code that does not use the installed flags receives a handle: a library, a test, a server with several sets of
//! flags. The handle is a [`Flags`], or a [`Snapshot`] if several reads must agree, and it may be borrowed, boxed or
//! counted. A macro has no types, so it cannot choose the method.
//!
//! # The idea
//!
//! One trait has the two methods that the macros need, and each handle implements it. Pointers forward to what they
//! point to, at any depth, so `flag!(in handle, …)` needs no `&*` for an `Arc<Snapshot>`.
//!
//! # Why the trait is sealed
//!
//! No user can implement it or name it, so a method can be added without a break. A mock is not needed for tests:
//! [`Flags::fixed`] makes real flags of any content.

use std::rc::Rc;
use std::sync::Arc;

use crate::model::Variant;
use crate::publish::snapshot::{Snapshot, StageLookup};
use crate::read::flags::Flags;
use crate::subject::Subject;

/// A handle from which flags can be read: [`Flags`], [`Snapshot`], and pointers to them.
///
/// The expansion of `flag!(in handle, …)` calls it, so that the macro accepts each of these types. The trait is sealed:
/// only this crate implements it.
///
/// A read through a handle has no call site. It looks up the key in the snapshot, and test overrides do not affect it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handle to flags",
    label = "expected `Flags`, `Snapshot`, or a pointer to one",
    note = "`flag!(in flags, \"key\", …)` takes the handle first"
)]
pub trait Handle: sealed::Sealed {
    /// Returns whether the flag is on for the subject.
    fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool;

    /// Returns the variant assigned to the subject.
    fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant>;

    /// Returns the stage of a migration for the subject, or why there is none.
    #[doc(hidden)]
    fn stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> StageLookup;
}

/// Each read uses the snapshot that is current at that moment.
impl Handle for Flags {
    #[inline]
    fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.is_on(key, subject)
    }

    #[inline]
    fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.variant(key, subject)
    }

    #[inline]
    fn stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> StageLookup {
        self.store().cell().read(|snapshot| snapshot.look_up_stage(key, subject))
    }
}

/// Each read uses this revision, so several reads agree.
impl Handle for Snapshot {
    #[inline]
    fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.is_on(key, subject)
    }

    #[inline]
    fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.variant(key, subject)
    }

    #[inline]
    fn stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> StageLookup {
        self.look_up_stage(key, subject)
    }
}

// Forwards to the handle that the pointer refers to, which may be a pointer again.
macro_rules! pointer_handle {
    ($($pointer:ty)+) => {$(
        impl<H: Handle + ?Sized> Handle for $pointer {
            #[inline]
            fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
                H::is_on(self, key, subject)
            }

            #[inline]
            fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
                H::variant(self, key, subject)
            }

            #[inline]
            fn stage<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> StageLookup {
                H::stage(self, key, subject)
            }
        }

        impl<H: sealed::Sealed + ?Sized> sealed::Sealed for $pointer {}
    )+};
}

pointer_handle!(&H Box<H> Rc<H> Arc<H>);

mod sealed {
    //! A public trait in a private module: it satisfies the bound of `Handle`, and no other crate can name it.

    pub trait Sealed {}

    impl Sealed for crate::read::flags::Flags {}
    impl Sealed for crate::publish::snapshot::Snapshot {}
}
