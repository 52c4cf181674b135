from cfbilling import sandbox


def test_all_names_are_importable_and_sorted() -> None:
    """`__all__` is sorted and exact."""
    public = {
        name
        for name, value in vars(sandbox).items()
        if not name.startswith("_") and not hasattr(value, "__path__") and name[0].isupper()
    }
    assert sandbox.__all__ == sorted(public)
