//! HTTPie's items: what each becomes, and what is said about those that are none.

use sync_tests::peers::Folder;

use crate::support::{run, run_in};

/// The request of these items, as `--offline` prints it: first line, fields, body.
fn request(folder: &Folder, items: &[&str]) -> (String, Vec<String>, String) {
    let args = [&["--offline", "example.org/p"], items].concat();
    let text = run_in(folder.path(), &args).text();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n").map(str::to_owned);
    (lines.next().unwrap(), lines.collect(), body.to_owned())
}

#[test]
fn fields_make_a_json_object() {
    let folder = Folder::new();
    folder.write("t", "text\n");
    folder.write("j", "[1, 2.50]");
    let rows: [(&[&str], &str); 20] = [
        (&["a=1"], r#"{"a":"1"}"#),
        (&["a="], r#"{"a":""}"#),
        (&["b=x", "a=y"], r#"{"b":"x","a":"y"}"#),
        (
            &["a:=1", "b:=true", "c:=null", "d:=[1,{}]"],
            r#"{"a":1,"b":true,"c":null,"d":[1,{}]}"#,
        ),
        (&["a=x:y@z=w"], r#"{"a":"x:y@z=w"}"#),
        (&["a=@t"], r#"{"a":"text\n"}"#),
        (&["a:=@j"], r#"{"a":[1,2.5]}"#),
        (&[r"a=\@t"], r#"{"a":"@t"}"#),
        (&[r"a=\=t"], r#"{"a":"=t"}"#),
        (&[r"a\=b=c"], r#"{"a=b":"c"}"#),
        (
            &[r"a\:b=c", r"a\@b=c", r"a\\b=c"],
            r#"{"a:b":"c","a@b":"c","a\\b":"c"}"#,
        ),
        (&[r"a\n=c"], r#"{"a\\n":"c"}"#),
        (&["a=1", "a=2"], r#"{"a":"2"}"#),
        (&["ä=ö"], r#"{"ä":"ö"}"#),
        (&["a[b]=1", "a[c][d]:=2"], r#"{"a":{"b":"1","c":{"d":2}}}"#),
        (&["a[]=1", "a[]=2"], r#"{"a":["1","2"]}"#),
        (&["a[2]=x", "a[0]=y"], r#"{"a":["y",null,"x"]}"#),
        (&["[]=1", "[]:=2"], r#"["1",2]"#),
        (&["a[][b]=1", "a[][b]=2"], r#"{"a":[{"b":"1"},{"b":"2"}]}"#),
        (&[r"a\[b\]=1"], r#"{"a[b]":"1"}"#),
    ];
    for (items, body) in rows {
        let (line, fields, got) = request(&folder, items);
        assert_eq!(got, body, "{items:?}");
        assert_eq!(line, "POST /p HTTP/1.1");
        assert!(fields.contains(&"Content-Type: application/json".into()));
        assert!(fields.contains(&"Accept: application/json, */*;q=0.5".into()));
    }
}

#[test]
fn parameters_and_headers_make_no_body() {
    let folder = Folder::new();
    folder.write("t", "text\n");
    let rows: [(&[&str], &str); 5] = [
        (&["a==1"], "GET /p?a=1 HTTP/1.1"),
        (&["a==1", "a==2", "b=="], "GET /p?a=1&a=2&b= HTTP/1.1"),
        (&["a b==c&d"], "GET /p?a+b=c%26d HTTP/1.1"),
        (&["a==@t"], "GET /p?a=text HTTP/1.1"),
        (&[r"a==\@t"], "GET /p?a=%40t HTTP/1.1"),
    ];
    for (items, line) in rows {
        assert_eq!(request(&folder, items).0, line, "{items:?}");
    }
    let rows: [(&str, &str); 5] = [
        ("X-A:1", "X-A: 1"),
        ("X-A:http://x", "X-A: http://x"),
        ("X-A;", "X-A: "),
        ("X-A:@t", "X-A: text"),
        ("User-Agent:me", "User-Agent: me"),
    ];
    for (item, field) in rows {
        let (_, fields, body) = request(&folder, &[item]);
        assert!(fields.contains(&field.into()), "{item}: {fields:?}");
        assert_eq!(body, "");
    }
    let (_, fields, _) = request(
        &folder,
        &["User-Agent:", "Accept:", "Accept-Encoding:", "Connection:"],
    );
    assert_eq!(fields, ["Host: example.org"]);
    let (_, fields, _) = request(&folder, &["X-A:1", "X-A:2"]);
    assert_eq!(
        fields
            .iter()
            .filter(|field| field.starts_with("X-A"))
            .count(),
        2
    );
}

#[test]
fn files_are_parts_or_the_whole_body() {
    let folder = Folder::new();
    folder.write("p.png", "PNG");
    folder.write("d.json", "[1]");
    let (_, fields, body) = request(&folder, &["a=1", "up@p.png", "b:=2"]);
    assert!(
        fields
            .iter()
            .any(|field| field.starts_with("Content-Type: multipart/form-data"))
    );
    assert!(
        body.contains("name=\"a\"\r\n\r\n1\r\n") && body.contains("name=\"b\"\r\n\r\n2\r\n"),
        "{body}"
    );
    assert!(
        body.contains("name=\"up\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n"),
        "{body}"
    );
    let (_, _, body) = request(&folder, &["up@p.png;type=text/x;filename=n.txt"]);
    assert!(
        body.contains("filename=\"n.txt\"\r\nContent-Type: text/x\r\n"),
        "{body}"
    );
    let (_, fields, body) = request(&folder, &["@d.json"]);
    assert_eq!(body, "[1]");
    assert!(fields.contains(&"Content-Type: application/json".into()));
}

#[test]
fn a_wrong_item_is_named_and_its_value_is_not_shown() {
    let folder = Folder::new();
    let rows: [(&[&str], &str); 16] = [
        (&["word"], "the item `word`: it has none of the signs"),
        (
            &["=secret"],
            "the item `=…`: nothing stands before the sign",
        ),
        (
            &[":secret"],
            "the item `:…`: nothing stands before the sign",
        ),
        (
            &["a:=secret"],
            "the item `a:=…`: the value is not JSON: expected value at line 1 column 1",
        ),
        (&["a=@none"], "the item `a=@…`: No such file or directory"),
        (&["a@none"], "the file `none`: No such file or directory"),
        (&["a@"], "the item `a@…`: no path stands after the `@`"),
        (&["@none"], "the file `none`: No such file or directory"),
        (&["@."], "the file `.`: it is a directory"),
        (
            &["a=1", "a[b]=2"],
            "the item `a[b]=…`: it has a value of its own already",
        ),
        (
            &["a[b]=1", "a[]=2"],
            "the item `a[]=…`: it is an object elsewhere, not a list",
        ),
        (
            &["a[]=1", "a[b]=2"],
            "the item `a[b]=…`: it is a list elsewhere, not an object",
        ),
        (&["a[b=1"], "the item `a[b=…`: a bracket is not closed"),
        (
            &["a[b]c=1"],
            "the item `a[b]c=…`: something stands behind the closing bracket",
        ),
        (&["a[99999999999999999999]=1"], "an index is 10000 or more"),
        (
            &["-c", "x", "a=secret"],
            "the item `a=…`: there is another body already",
        ),
    ];
    for (items, complaint) in rows {
        let args = [&["--offline", "example.org"], items].concat();
        let got = run_in(folder.path(), &args).complaint(2);
        assert!(got.contains(complaint), "{items:?}: {got}");
        assert!(!got.contains("secret"), "{got}");
    }
}

#[test]
fn the_first_word_is_a_method_where_it_looks_like_one() {
    let rows: [(&[&str], &str); 7] = [
        (&["get", "e.org"], "GET / "),
        (&["Patch", "e.org"], "PATCH / "),
        (&["LOCK", "e.org:80/x"], "LOCK /x "),
        (&["frob", "e.org"], "FROB / "),
        (&["e.org", "a=1"], "POST / "),
        (&["localhost", "a:1"], "GET / "),
        (&["-m", "X", "get"], "X / "),
    ];
    for (args, start) in rows {
        let text = run(&[&["--offline"], args].concat()).text();
        assert!(text.starts_with(start), "{args:?}: {text}");
    }
}

#[test]
fn white_space_around_the_value_of_a_header_is_not_sent() {
    let request = crate::support::seen(&["URL", "X-A: one two ", "User-Agent: "]);
    assert_eq!(request.header("x-a"), Some("one two"));
    assert_eq!(request.header("user-agent"), None);
}

#[test]
fn numbers_are_sent_as_they_stand_or_not_at_all() {
    let folder = Folder::new();
    let items = ["a:=18446744073709551615", "b:=-9223372036854775808"];
    let (_, _, body) = request(&folder, &items);
    assert_eq!(
        body,
        r#"{"a":18446744073709551615,"b":-9223372036854775808}"#
    );
    for value in [
        "18446744073709551616",
        r#"{"1":["99999999999999999999",-99999999999999999999]}"#,
    ] {
        let complaint = run(&["--offline", "h", &format!("a:={value}")]).complaint(2);
        assert!(complaint.contains("more than 64 bits"), "{complaint}");
    }
    run(&["--offline", "h", r#"a:=["99999999999999999999",1e99]"#]).text();
}

#[test]
fn digits_behind_a_backslash_are_a_name() {
    let folder = Folder::new();
    let (_, _, body) = request(&folder, &[r"a[\1]=x"]);
    assert_eq!(body, r#"{"a":{"1":"x"}}"#);
}
