use super::*;

#[track_caller]
fn is_number(text: &str, expected: f64) {
    let found = number(text);
    assert_eq!(found.map(f64::to_bits), Some(expected.to_bits()), "{text:?} is read as {found:?}");
}

#[test]
fn numbers_are_those_of_go() {
    for (text, expected) in [
        ("0", 0.0),
        ("-0", -0.0),
        ("5", 5.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1e3),
        ("1E+3", 1e3),
        ("1_000", 1e3),
        ("1_0.2_5", 10.25),
        ("1e1_0", 1e10),
        ("0x1p4", 16.0),
        ("0X1.8p1", 3.0),
        ("0x_1p0", 1.0),
        ("0x1P-1074", 5e-324),
        ("0x1p-1076", 0.0),
        ("0x1.fffffffffffff8p1022", 8.988_465_674_311_58e307),
        ("0x.8p1", 1.0),
        ("1.7976931348623157e308", f64::MAX),
        ("4.9e-324", 5e-324),
        ("1e-400", 0.0),
        ("0x1.00000000000008p0", 1.0),
        ("0x1.00000000000018p0", 1.000_000_000_000_000_4),
        ("0x1.000000000000080000000000001p0", 1.000_000_000_000_000_2),
        ("007", 7.0),
    ] {
        is_number(text, expected);
    }
    for text in ["inf", "+Inf", "INFINITY", "-infinity"] {
        assert!(number(text).is_some_and(f64::is_infinite), "{text}");
    }
    assert!(number("NaN").is_some_and(f64::is_nan));
    for text in [
        "", " 5", "5 ", "-", "+", ".", "e5", "1e", "1e+", "_1", "1_", "1__0", "1_.5", "1._5", "1e_5", "0x10", "0x",
        "0xp1", "0x1p", "0x1_p1", "+nan", "infin", "1e400", "-1e400", "0x1p1024", "1.2.3", "5a", "٥", "1,5", "--1",
        "0b1", "0o7",
    ] {
        assert_eq!(number(text), None, "{text:?}");
    }
}

#[test]
fn instants_are_those_of_go() {
    let at = |text: &str| instant(text).unwrap_or_else(|| panic!("{text:?} is no instant"));
    let same = [
        "2025-01-01T00:00:00Z",
        "2025-01-01",
        "2025-01-01T01:00:00+01:00",
        "2024-12-31T23:00:00-01:00",
        "2025-01-01T0:00:00Z",
        "2025-01-01T00:00:00.0Z",
        "2025-01-01T00:00:00,0Z",
        "2025-01-01T00:00:00.0000000009Z",
        "2025-01-02T00:00:00+24:00",
        "2025-01-01T01:00:00+00:60",
    ];
    for text in same {
        assert_eq!(at(text), at("2025-01-01"), "{text}");
    }
    assert!(at("2025-01-01T00:00:00.000000001Z") > at("2025-01-01"));
    assert!(at("0000-01-01") < at("0000-02-29") && at("0000-02-29") < at("1969-12-31T23:59:59.9Z"));
    for text in [
        "",
        "2025",
        "2025-1-01",
        "2025-01-1",
        "2025-13-01",
        "2025-00-01",
        "2025-02-29",
        "2025-02-30",
        "2025-04-31",
        "20250-01-01",
        " 2025-01-01",
        "2025-01-01 ",
        "2025-01-01t00:00:00Z",
        "2025-01-01T00:00:00z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z",
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:0:00Z",
        "2025-01-01T00:00:00+25:00",
        "2025-01-01T00:00:00+00:61",
        "2025-01-01T00:00:00+0100",
        "2025-01-01T00:00:00Zx",
        "2025-01-01 00:00:00Z",
        "2025-01-01T",
        "２025-01-01",
    ] {
        assert_eq!(instant(text), None, "{text:?}");
    }
}

#[test]
fn lists_are_read_as_go_reads_them() {
    let text_in = |value: &str, asked: &str| {
        Constraint::new(Subject::String, Operator::IsOneOf, "p", value).map(|constraint| constraint.matches(asked))
    };
    assert_eq!(text_in(r#"["a","b"]"#, "b"), Ok(true));
    assert_eq!(text_in(r#" [ "a" , "ü\ud83d\ude80" ] "#, "ü🚀"), Ok(true));
    assert_eq!(text_in(r#"["\ud800x"]"#, "\u{fffd}x"), Ok(true));
    assert_eq!(text_in("null", "a"), Ok(false));
    assert_eq!(text_in("[null]", ""), Ok(false));
    for malformed in ["", "a", "[1]", r#"["a"] x"#, r#"["a",]"#, "{}", r#"[["a"]]"#, "[true]", r#"["a""#] {
        assert!(text_in(malformed, "a").is_err(), "{malformed}");
    }
    let number_in = |value: &str, asked: &str| {
        Constraint::new(Subject::Number, Operator::IsOneOf, "p", value).map(|constraint| constraint.matches(asked))
    };
    assert_eq!(number_in("[1, 2.5, 1e2]", "100.0"), Ok(true));
    assert_eq!(number_in("[null]", "0"), Ok(true));
    for malformed in ["", r#"["1"]"#, "[1e400]", "[1,]", "1", "[true]", "[01]", "[.5]"] {
        assert!(number_in(malformed, "1").is_err(), "{malformed}");
    }
}

#[test]
fn clients_get_lists_without_escapes() {
    let list = Constraint::new(Subject::String, Operator::IsOneOf, "p", r#"["gr\u00fcn","\u0061"]"#).unwrap();
    assert_eq!(&*list.value, r#"["grün","a"]"#);
    assert_eq!(list_of_texts(["<b>", "\"", "ü"].into_iter()), r#"["<b>","\"","ü"]"#);
}

#[test]
fn numbers_of_lists_are_written_as_the_server_writes_them() {
    for (text, expected) in
        [("18", "18"), ("2.50", "2.5"), ("0x10", "16"), ("1e3", "1000"), ("1_000", "1000"), ("-0.1", "-0.1")]
    {
        assert_eq!(list_number(text, false).as_deref(), Some(expected));
    }
    assert_eq!(list_number("18446744073709551615", false).as_deref(), Some("\"18446744073709551615\""));
    assert_eq!(list_number(".inf", false), None);
    assert_eq!(list_number("1E2", true).as_deref(), Some("100"));
}

proptest::proptest! {
    /// Decimal numbers without underscores are those of the standard library.
    #[test]
    fn decimals_agree_with_the_standard_library(text in "[-+]?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][-+]?[0-9]{1,3})?") {
        let expected = text.parse::<f64>().ok().filter(|n| n.is_finite());
        proptest::prop_assert_eq!(number(&text).map(f64::to_bits), expected.map(f64::to_bits));
    }

    /// Hexadecimal numbers of up to 53 bits are exact.
    #[test]
    fn hexadecimals_are_exact(mantissa in 0_u64..1 << 53, exponent in -1_100_i32..960) {
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        let exact = mantissa as f64;
        // In two steps, of which at most the second rounds.
        let expected = exact * 2_f64.powi(exponent.max(-1_000)) * 2_f64.powi(exponent.min(-1_000) + 1_000);
        proptest::prop_assert_eq!(number(&format!("0x{mantissa:x}p{exponent}")), Some(expected));
    }

    /// A calendar library agrees about every instant that both read.
    #[test]
    fn instants_agree_with_a_calendar(seconds in -62_000_000_000_i64..250_000_000_000, nanoseconds in 0_i32..1_000_000_000) {
        let timestamp = jiff::Timestamp::new(seconds, nanoseconds).unwrap();
        // Before 1970 that library counts nanoseconds downwards.
        let whole = timestamp.as_nanosecond();
        let expected = Instant {
            seconds: i64::try_from(whole.div_euclid(1_000_000_000)).unwrap(),
            nanoseconds: u32::try_from(whole.rem_euclid(1_000_000_000)).unwrap(),
        };
        proptest::prop_assert_eq!(instant(&timestamp.to_string()), Some(expected));
    }

    #[test]
    fn no_value_panics(value in "\\PC{0,30}|[-+0-9._xpPeE:TZ,]{0,30}", asked in "\\PC{0,20}|[-+0-9._xpPeE:TZ,]{0,20}") {
        for subject in Subject::ALL {
            for operator in Operator::ALL {
                if let Ok(constraint) = Constraint::new(subject, operator, "p", &value) {
                    let found = constraint.matches(&asked);
                    proptest::prop_assert!(!(found && constraint.never_matches()));
                }
            }
        }
    }
}
