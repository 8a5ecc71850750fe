//! The range of stages that a build supports.

use crate::model::Stage;

/// The range of stages that a build supports: [`Full`] or [`Contracted`].
///
/// It is a type, so that the compiler requires the code of each path that the range needs, and rejects code of a path
/// that it does not have. The trait is sealed: only these two types implement it.
pub trait Range: sealed::Sealed {
    /// The first stage of the range.
    const FIRST: Stage;
    /// The last stage of the range.
    const LAST: Stage;
    /// The name of the range, as a status shows it: `full` or `contracted`.
    const NAME: &'static str;
}

/// The stages from [`Stage::Off`] to [`Stage::Complete`]: the build has code for both paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full(());

/// The stages [`Stage::Complete`] and [`Stage::Contracted`]: the build has code for the new path only.
///
/// Deploy such a build in a release after the one that completed the migration. When it runs everywhere, the old data
/// can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracted(());

impl Range for Full {
    const FIRST: Stage = Stage::Off;
    const LAST: Stage = Stage::Complete;
    const NAME: &'static str = "full";
}

impl Range for Contracted {
    const FIRST: Stage = Stage::Complete;
    const LAST: Stage = Stage::Contracted;
    const NAME: &'static str = "contracted";
}

/// A range with code for both paths. A bound of methods, for its message.
#[diagnostic::on_unimplemented(
    message = "a build with range `{Self}` has no code for the old path",
    label = "this takes code for both paths",
    note = "remove the code of the old path, and call `write_new(|| …)` or `read_new(|| …)` with the new one"
)]
pub trait BothPaths: sealed::Sealed {}

impl BothPaths for Full {}

/// A range with code for the new path only. A bound of methods, for its message.
#[diagnostic::on_unimplemented(
    message = "a build with range `{Self}` needs the code of both paths",
    label = "this takes code for the new path only",
    note = "call `write(|| old, || new)` or `read(|| old, || new)`; or declare `range = Contracted` in a release after the \
            migration is complete everywhere"
)]
pub trait NewPathOnly: sealed::Sealed {}

impl NewPathOnly for Contracted {}

mod sealed {
    //! A public trait in a private module: it satisfies the bound of `Range`, and no other crate can name it.

    pub trait Sealed {}

    impl Sealed for super::Full {}
    impl Sealed for super::Contracted {}
}
