//! Mistakes in bodies and parameters are named.

use super::*;

fn parameters(query: &str) -> Parameters {
    let uri = format!("/?{query}").parse().unwrap();
    let Query(pairs): Query<Vec<(String, String)>> = Query::try_from_uri(&uri).unwrap();
    Parameters {
        repeated: repeated(&pairs),
        pairs,
        errors: Vec::new(),
        uri: Uri::default(),
    }
}

#[test]
fn a_number_is_digits_within_its_range() {
    for (text, expect) in [
        ("5", Some(5)),
        ("0005", Some(5)),
        ("0", None),
        ("11", None),
        ("", None),
        ("-5", None),
        ("%2B5", None),
        ("5.0", None),
        ("5e0", None),
        ("99999999999999999999", None),
    ] {
        let mut parameters = parameters(&format!("n={text}"));
        assert_eq!(parameters.number("n", 1..=10), expect, "{text}");
        assert_eq!(parameters.finish().is_err(), expect.is_none(), "{text}");
    }
}

#[test]
fn absent_parameters_are_no_mistake() {
    let mut parameters = parameters("n=3&unknown=1&unknown=2");
    assert_eq!(parameters.number("n", 1..=10), Some(3));
    assert_eq!(parameters.number("m", 1..=10), None);
    assert!(parameters.finish().is_ok());
}

#[test]
fn a_parameter_that_appears_twice_is_a_mistake() {
    for query in ["n=2&n=3", "n=3&n=3", "n=2&other=1&%6E=3", "n=&n=3"] {
        let mut parameters = parameters(query);
        parameters.number("n", 1..=10);
        parameters.number("n", 1..=10);
        assert_eq!(
            parameters
                .errors
                .iter()
                .filter(|error| error.error.contains("more than once"))
                .count(),
            1,
            "{query}"
        );
        assert!(parameters.finish().is_err(), "{query}");
    }
}

#[test]
fn control_characters_do_not_reach_the_database() {
    for (text, fits) in [
        ("Google", true),
        ("a%00b", false),
        ("", false),
        ("a%0Ab", false),
        ("%C3%A9", true),
    ] {
        assert_eq!(
            parameters(&format!("org={text}")).plain_text("org", 512).is_some(),
            fits,
            "{text}"
        );
    }
}
