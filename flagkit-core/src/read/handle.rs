//! The handles that `flag!(in …)` and `variant!(in …)` accept.

use std::rc::Rc;
use std::sync::Arc;

use crate::model::Variant;
use crate::publish::snapshot::Snapshot;
use crate::read::flags::Flags;
use crate::subject::Subject;

/// A handle from which flags can be read: [`Flags`], [`Snapshot`], and pointers to them.
///
/// The expansion of `flag!(in handle, …)` calls it, so that the macro accepts each of these types. The trait is sealed:
/// only this crate implements it.
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
}

impl Handle for Flags {
    #[inline]
    fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.is_on(key, subject)
    }

    #[inline]
    fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.variant(key, subject)
    }
}

impl Handle for Snapshot {
    #[inline]
    fn is_on<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> bool {
        self.is_on(key, subject)
    }

    #[inline]
    fn variant<S: Subject + ?Sized>(&self, key: &str, subject: &S) -> Option<Variant> {
        self.variant(key, subject)
    }
}

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
        }

        impl<H: sealed::Sealed + ?Sized> sealed::Sealed for $pointer {}
    )+};
}

pointer_handle!(&H Box<H> Rc<H> Arc<H>);

mod sealed {
    pub trait Sealed {}

    impl Sealed for crate::read::flags::Flags {}
    impl Sealed for crate::publish::snapshot::Snapshot {}
}
