"Every array of every file is what this package computes"
import pytest

from .vectors import check_file, select, skips, summary


def test_vectors(vectors, record_property):
    folder, file = vectors
    try: checks = check_file(folder, file)
    except (OSError, ValueError) as e: pytest.fail(f'cannot be read: {e}', pytrace=False)
    said = summary(f'{folder.name}/{file}', checks)
    record_property('vectors', said)
    if select(checks, 'failed'): pytest.fail(said, pytrace=False)
    if not select(checks, 'passed'): pytest.skip('; '.join(skips(checks)) or 'no array to compare')
