//! A glob import of the crate changes the meaning of no method of the standard library.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use flagkit_core::source::*;
use flagkit_core::tooling::*;
use flagkit_core::*;

fn methods_of_vectors_and_arrays_are_those_of_the_standard_library() {
    let vec = vec![1, 2, 3];
    let first: Option<&i32> = vec.get(0);
    assert_eq!((first, vec.len(), vec.is_empty()), (Some(&1), 3, false));
    let array = ["a", "b"];
    let second: Option<&&str> = array.get(1);
    assert_eq!((second, array.len(), array.is_empty()), (Some(&"b"), 2, false));
    assert_eq!((vec.iter().count(), array.iter().count()), (3, 2));
    let range: Option<&[i32]> = vec.get(1..);
    assert_eq!(range, Some(&[2, 3][..]));
    let shared: Arc<Vec<String>> = Arc::new(vec!["x".to_owned()]);
    let x: Option<&String> = shared.get(0);
    assert_eq!((x.map(String::as_str), shared.len()), (Some("x"), 1));
    let boxed: Box<[u8; 2]> = Box::new([1, 2]);
    let byte: Option<&u8> = boxed.get(0);
    assert_eq!((byte, boxed.len()), (Some(&1), 2));
    let queue: Rc<VecDeque<u8>> = Rc::new(VecDeque::from([7]));
    assert_eq!((queue.get(0), queue.len()), (Some(&7), 1));
}

fn methods_of_texts_maps_and_options_are_those_of_the_standard_library() {
    let text: Cow<'_, str> = Cow::Borrowed("abc");
    let slice: Option<&str> = text.get(0..1);
    assert_eq!((slice, text.len(), text.is_empty()), (Some("a"), 3, false));
    assert_eq!(("abc".get(1..), String::from("abc").get(..1)), (Some("bc"), Some("a")));
    let map = HashMap::from([("k", 1)]);
    assert_eq!((map.get("k"), map.len(), map.contains_key("k")), (Some(&1), 1, true));
    assert_eq!(BTreeMap::from([("k", 1)]).get("k"), Some(&1));
    assert_eq!((Some(1).is_some(), None::<u8>.iter().len(), Some("x").as_deref()), (true, 0, Some("x")));
    assert!((0..3).eq([0, 1, 2]) && Ok::<u8, u8>(1).is_ok() && 7_u32.count_ones() == 3);
}

/// The traits are in scope: their own methods work.
fn methods_of_the_traits_are_in_scope() {
    assert_eq!((vec![7].element(0), List::count(&[1, 2])), (Some(Value::Integer(7)), 2));
    assert_eq!(("u1".id(), 5.value()), (Some(Id::from("u1")), Some(Value::Integer(5))));
    assert_eq!((Provenance::new("a:").as_str(), Verdict::Yes.as_str()), ("a:", "yes"));
}

fn main() {
    methods_of_vectors_and_arrays_are_those_of_the_standard_library();
    methods_of_texts_maps_and_options_are_those_of_the_standard_library();
    methods_of_the_traits_are_in_scope();
}
