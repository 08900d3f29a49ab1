//! The parts that the serializers of `serialize.rs` have in common, as macros: serde asks for some
//! thirty methods of each, of which most only refuse.

/// Refuses the kinds of value that a serializer has no use for; `self` gives the error.
macro_rules! refuse {
    ($($kind:ident)*) => { $(refuse!(@ $kind);)* };
    (@ scalars) => {
        refuse!(@method serialize_bool(bool) "a bool");
        refuse!(@method serialize_i8(i8) "a number");
        refuse!(@method serialize_i16(i16) "a number");
        refuse!(@method serialize_i32(i32) "a number");
        refuse!(@method serialize_i64(i64) "a number");
        refuse!(@method serialize_i128(i128) "a number");
        refuse!(@method serialize_u8(u8) "a number");
        refuse!(@method serialize_u16(u16) "a number");
        refuse!(@method serialize_u32(u32) "a number");
        refuse!(@method serialize_u64(u64) "a number");
        refuse!(@method serialize_u128(u128) "a number");
        refuse!(@method serialize_f32(f32) "a number");
        refuse!(@method serialize_f64(f64) "a number");
        refuse!(@method serialize_char(char) "a character");
        refuse!(@method serialize_unit_variant(&'static str, u32, &'static str) "an enum");
    };
    (@ text) => {
        refuse!(@method serialize_str(&str) "text");
        refuse!(@method serialize_bytes(&[u8]) "bytes");
    };
    (@ nothing) => {
        refuse!(@method serialize_none() "nothing");
        refuse!(@method serialize_unit() "nothing");
        refuse!(@method serialize_unit_struct(&'static str) "nothing");
    };
    (@ lists) => {
        refuse!(@compound serialize_seq(Option<usize>) SerializeSeq "a list");
        refuse!(@compound serialize_tuple(usize) SerializeTuple "a tuple");
        refuse!(@compound serialize_tuple_struct(&'static str, usize) SerializeTupleStruct "a tuple");
    };
    (@ maps) => {
        refuse!(@compound serialize_map(Option<usize>) SerializeMap "a map");
        refuse!(@compound serialize_struct(&'static str, usize) SerializeStruct "a struct");
    };
    (@ variants) => {
        refuse!(@compound serialize_tuple_variant(&'static str, u32, &'static str, usize)
            SerializeTupleVariant "an enum with data");
        refuse!(@compound serialize_struct_variant(&'static str, u32, &'static str, usize)
            SerializeStructVariant "an enum with data");
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self, _: &'static str, _: u32, _: &'static str, _: &T,
        ) -> Result<(), ParamsError> {
            Err(self.refuse("an enum with data"))
        }
    };
    (@method $name:ident($($ty:ty),*) $found:literal) => {
        refuse!(@sign $name [$($ty),*] $found);
    };
    (@sign $name:ident [] $found:literal) => {
        fn $name(self) -> Result<(), ParamsError> { Err(self.refuse($found)) }
    };
    (@sign $name:ident [$a:ty] $found:literal) => {
        fn $name(self, _: $a) -> Result<(), ParamsError> { Err(self.refuse($found)) }
    };
    (@sign $name:ident [$a:ty, $b:ty, $c:ty] $found:literal) => {
        fn $name(self, _: $a, _: $b, _: $c) -> Result<(), ParamsError> {
            Err(self.refuse($found))
        }
    };
    (@compound $name:ident($a:ty) $kind:ident $found:literal) => {
        type $kind = Never;
        fn $name(self, _: $a) -> Result<Never, ParamsError> { Err(self.refuse($found)) }
    };
    (@compound $name:ident($a:ty, $b:ty) $kind:ident $found:literal) => {
        type $kind = Never;
        fn $name(self, _: $a, _: $b) -> Result<Never, ParamsError> { Err(self.refuse($found)) }
    };
    (@compound $name:ident($a:ty, $b:ty, $c:ty, $d:ty) $kind:ident $found:literal) => {
        type $kind = Never;
        fn $name(self, _: $a, _: $b, _: $c, _: $d) -> Result<Never, ParamsError> {
            Err(self.refuse($found))
        }
    };
}

/// `Some` and newtypes are what they hold.
macro_rules! transparent {
    () => {
        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ParamsError> {
            value.serialize(self)
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<(), ParamsError> {
            value.serialize(self)
        }
    };
}

/// Writes scalars, each through `self.text(String)`.
macro_rules! scalars_as_text {
    () => {
        scalars_as_text! {
            serialize_bool(bool) serialize_char(char) serialize_str(&str)
            serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
            serialize_i64(i64) serialize_i128(i128)
            serialize_u8(u8) serialize_u16(u16) serialize_u32(u32)
            serialize_u64(u64) serialize_u128(u128)
        }
    };
    ($($name:ident($ty:ty))*) => {
        $(fn $name(self, value: $ty) -> Result<(), ParamsError> {
            self.text(value.to_string())
        })*

        // Python writes 1.0 as `1.0`, and so does Debug; Display would say `1`.
        fn serialize_f32(self, value: f32) -> Result<(), ParamsError> {
            self.text(format!("{value:?}"))
        }

        fn serialize_f64(self, value: f64) -> Result<(), ParamsError> {
            self.text(format!("{value:?}"))
        }

        fn serialize_bytes(self, value: &[u8]) -> Result<(), ParamsError> {
            let text = std::str::from_utf8(value).map_err(|_| ParamsError::NotUtf8)?;
            self.text(text.to_owned())
        }

        fn serialize_unit_variant(
            self, _: &'static str, _: u32, variant: &'static str,
        ) -> Result<(), ParamsError> {
            self.text(variant.to_owned())
        }
    };
}

/// Implements the three list traits of serde, which differ in the name of one method.
macro_rules! list {
    ($ty:ident: $($kind:ident $method:ident),*) => {
        $(impl $kind for $ty<'_> {
            type Ok = ();
            type Error = ParamsError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ParamsError> {
                self.item(item)
            }

            fn end(self) -> Result<(), ParamsError> {
                $ty::end(self)
            }
        })*
    };
    ($ty:ident) => {
        list!($ty: SerializeSeq serialize_element, SerializeTuple serialize_element,
            SerializeTupleStruct serialize_field);
    };
}

pub(super) use {list, refuse, scalars_as_text, transparent};
