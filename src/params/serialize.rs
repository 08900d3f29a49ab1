//! From any `Serialize` to pairs: one small serializer for each place where a value can stand.
//!
//! ```text
//!   Pairs   [("a", 1), ("b", [2, 3])]      {a: 1, b: [2, 3]}
//!   Pair     ("a", 1)
//!   Key       "a"
//!   Value          1                                  [2, 3]
//! ```

use std::fmt::Display;

use serde::ser::{
    Error, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};

use super::common::{list, refuse, scalars_as_text, transparent};
use super::{Params, ParamsError};

type Pairs = Vec<(String, String)>;
type Never = Impossible<(), ParamsError>;

impl Error for ParamsError {
    fn custom<T: Display>(message: T) -> Self {
        ParamsError::Custom(message.to_string())
    }
}

/// The whole value.
pub(super) struct PairsSerializer<'a>(pub(super) &'a mut Pairs);

impl PairsSerializer<'_> {
    fn refuse(&self, found: &'static str) -> ParamsError {
        ParamsError::NotPairs { found }
    }
}

impl<'a> Serializer for PairsSerializer<'a> {
    type Ok = ();
    type Error = ParamsError;
    type SerializeSeq = PairList<'a>;
    type SerializeTuple = PairList<'a>;
    type SerializeTupleStruct = PairList<'a>;
    type SerializeMap = PairMap<'a>;
    type SerializeStruct = PairMap<'a>;

    refuse!(scalars variants);
    transparent!();

    fn serialize_str(self, query: &str) -> Result<(), ParamsError> {
        self.0.extend(Params::parse(query).0);
        Ok(())
    }

    fn serialize_bytes(self, query: &[u8]) -> Result<(), ParamsError> {
        self.serialize_str(std::str::from_utf8(query).map_err(|_| ParamsError::NotUtf8)?)
    }

    fn serialize_none(self) -> Result<(), ParamsError> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), ParamsError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ParamsError> {
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<PairList<'a>, ParamsError> {
        Ok(PairList(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<PairList<'a>, ParamsError> {
        Ok(PairList(self.0))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<PairList<'a>, ParamsError> {
        Ok(PairList(self.0))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<PairMap<'a>, ParamsError> {
        Ok(PairMap {
            pairs: self.0,
            key: None,
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<PairMap<'a>, ParamsError> {
        self.serialize_map(None)
    }
}

/// A list of pairs.
pub(super) struct PairList<'a>(&'a mut Pairs);

list!(PairList);

impl PairList<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, pair: &T) -> Result<(), ParamsError> {
        pair.serialize(PairSerializer(self.0))
    }

    fn end(self) -> Result<(), ParamsError> {
        Ok(())
    }
}

/// A map or struct.
pub(super) struct PairMap<'a> {
    pairs: &'a mut Pairs,
    key: Option<String>,
}

impl SerializeMap for PairMap<'_> {
    type Ok = ();
    type Error = ParamsError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ParamsError> {
        let mut text = String::new();
        key.serialize(KeySerializer(&mut text))?;
        self.key = Some(text);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ParamsError> {
        let key = self.key.take().ok_or(ParamsError::NotAPair)?;
        push(self.pairs, &key, value)
    }

    fn end(self) -> Result<(), ParamsError> {
        Ok(())
    }
}

impl SerializeStruct for PairMap<'_> {
    type Ok = ();
    type Error = ParamsError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), ParamsError> {
        push(self.pairs, key, value)
    }

    fn end(self) -> Result<(), ParamsError> {
        Ok(())
    }
}

fn push<T: Serialize + ?Sized>(pairs: &mut Pairs, key: &str, value: &T) -> Result<(), ParamsError> {
    value.serialize(ValueSerializer {
        pairs,
        key,
        in_list: false,
    })
}

/// One item of a list of pairs.
struct PairSerializer<'a>(&'a mut Pairs);

impl PairSerializer<'_> {
    fn refuse(&self, _found: &'static str) -> ParamsError {
        ParamsError::NotAPair
    }
}

impl<'a> Serializer for PairSerializer<'a> {
    type Ok = ();
    type Error = ParamsError;
    type SerializeSeq = OnePair<'a>;
    type SerializeTuple = OnePair<'a>;
    type SerializeTupleStruct = OnePair<'a>;

    refuse!(scalars text nothing maps variants);
    transparent!();

    fn serialize_seq(self, _: Option<usize>) -> Result<OnePair<'a>, ParamsError> {
        Ok(OnePair {
            pairs: self.0,
            key: None,
            complete: false,
        })
    }

    fn serialize_tuple(self, _: usize) -> Result<OnePair<'a>, ParamsError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<OnePair<'a>, ParamsError> {
        self.serialize_seq(None)
    }
}

/// A pair, of which the key comes first.
struct OnePair<'a> {
    pairs: &'a mut Pairs,
    key: Option<String>,
    complete: bool,
}

list!(OnePair);

impl OnePair<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ParamsError> {
        if self.complete {
            return Err(ParamsError::NotAPair);
        }
        match self.key.take() {
            None => {
                let mut text = String::new();
                item.serialize(KeySerializer(&mut text))?;
                self.key = Some(text);
                Ok(())
            }
            Some(key) => {
                self.complete = true;
                push(self.pairs, &key, item)
            }
        }
    }

    fn end(self) -> Result<(), ParamsError> {
        if self.complete {
            Ok(())
        } else {
            Err(ParamsError::NotAPair)
        }
    }
}

/// A key.
struct KeySerializer<'a>(&'a mut String);

impl KeySerializer<'_> {
    fn refuse(&self, found: &'static str) -> ParamsError {
        ParamsError::NotAKey { found }
    }

    fn text(self, text: String) -> Result<(), ParamsError> {
        *self.0 = text;
        Ok(())
    }
}

impl Serializer for KeySerializer<'_> {
    type Ok = ();
    type Error = ParamsError;

    refuse!(nothing lists maps variants);
    transparent!();
    scalars_as_text!();
}

/// A value: nothing, a scalar, or a list of scalars.
struct ValueSerializer<'a> {
    pairs: &'a mut Pairs,
    key: &'a str,
    in_list: bool,
}

impl<'a> ValueSerializer<'a> {
    fn refuse(&self, found: &'static str) -> ParamsError {
        ParamsError::NotAValue {
            key: self.key.to_owned(),
            found,
        }
    }

    fn text(self, text: String) -> Result<(), ParamsError> {
        self.pairs.push((self.key.to_owned(), text));
        Ok(())
    }

    fn list(self) -> Result<ValueList<'a>, ParamsError> {
        if self.in_list {
            return Err(self.refuse("a list in a list"));
        }
        Ok(ValueList {
            pairs: self.pairs,
            key: self.key,
        })
    }
}

impl<'a> Serializer for ValueSerializer<'a> {
    type Ok = ();
    type Error = ParamsError;
    type SerializeSeq = ValueList<'a>;
    type SerializeTuple = ValueList<'a>;
    type SerializeTupleStruct = ValueList<'a>;

    refuse!(maps variants);
    transparent!();
    scalars_as_text!();

    fn serialize_none(self) -> Result<(), ParamsError> {
        self.text(String::new())
    }

    fn serialize_unit(self) -> Result<(), ParamsError> {
        self.text(String::new())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ParamsError> {
        self.text(String::new())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ValueList<'a>, ParamsError> {
        self.list()
    }

    fn serialize_tuple(self, _: usize) -> Result<ValueList<'a>, ParamsError> {
        self.list()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<ValueList<'a>, ParamsError> {
        self.list()
    }
}

/// A list as a value: its key is repeated.
struct ValueList<'a> {
    pairs: &'a mut Pairs,
    key: &'a str,
}

list!(ValueList);

impl ValueList<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ParamsError> {
        value.serialize(ValueSerializer {
            pairs: self.pairs,
            key: self.key,
            in_list: true,
        })
    }

    fn end(self) -> Result<(), ParamsError> {
        Ok(())
    }
}
