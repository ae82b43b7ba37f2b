//! The line that no panic crosses: PyO3 would turn one into a `BaseException`, which handlers of errors let
//! through; here it becomes a text, and each entry point says what then is the safe answer.
//!
//! Above: every entry point. Below: nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; a panic in it comes back as its message.
///
/// The caller must not go on using what `work` was changing when it panicked.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn what_succeeds_passes() {
        assert_eq!(caught(|| 7), Ok(7));
    }

    #[test]
    fn panics_come_back_as_texts() {
        assert_eq!(caught(|| panic!("fixed")), Err::<(), _>("fixed".to_owned()));
        let number = 3;
        assert_eq!(
            caught(|| panic!("number {number}")),
            Err::<(), _>("number 3".to_owned())
        );
        let odd = caught(|| std::panic::panic_any(number));
        assert_eq!(odd, Err::<(), _>("a panic without a message".to_owned()));
    }
}
