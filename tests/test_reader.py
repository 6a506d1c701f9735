"Tables as people have them: decorated numbers, codes like 01, accents, odd encodings, rows of empty cells"
import unicodedata

import numpy as np
import pandas as pd
import pytest

from prime_nb.data.columns import Columns
from prime_nb.data.tables import read_table


@pytest.fixture
def put(tmp_path):
    "Write a file, and give its path"
    def write(text, name='a.csv', encoding='utf-8'):
        (tmp_path/name).write_bytes(text.encode(encoding))
        return tmp_path/name
    return write

def lines(head, rows): return '\n'.join([head, *rows]) + '\n'

def thousands(i, mark): return f'{i % 60*1000:,}'.replace(',', mark)

N = range(400)
DECORATED = {
    'quoted thousands': (lines('x,y', [f'"{i % 60*1000:,}",{i % 60}' for i in N]), "'1,000' was read as 1000"),
    'thousands between semicolons': (lines('x;y', [f'{i % 60*1000:,};{i % 60}' for i in N]), 'read as 1000'),
    'thousands with points': (lines('x;y', [f'{thousands(i, ".")};{i % 60},5' for i in N]), 'read as 1000'),
    'thousands with blanks': (lines('x,y', [f'{thousands(i, " ")},{i % 60}' for i in N]), 'read as 1000'),
    'Swiss thousands': (lines('x,y', [f'{thousands(i, chr(39))},{i % 60}' for i in N]), 'read as 1000'),
    'percent': (lines('x,y', [f'{i % 60*1000}%,{i % 60}' for i in N]), "'%' around its numbers"),
    'dollars': (lines('x,y', [f'${i % 60*1000},{i % 60}' for i in N]), r"'$' around its numbers"),
    'a unit': (lines('x,y', [f'{i % 60*1000} kg,{i % 60}' for i in N]), "'kg' around its numbers")}

@pytest.mark.parametrize('text, note', DECORATED.values(), ids=DECORATED)
def test_decorated_numbers_are_numbers_and_it_is_said(text, note, put):
    table = read_table(put(text))
    np.testing.assert_array_equal(table.frame['x'], [i % 60*1000. for i in N])
    assert any(note in n for n in table.notes), table.notes

@pytest.mark.parametrize('cells, want', [
    (['5 kg']*60 + ['3 g']*40, r"must be numbers with 'kg': got '3 g' in lines 62, 63, 64 and 37 more"),
    (['1,00,000'] + [f'{i}' for i in range(99)], "got '1,00,000' in line 2"),
    ([f'{i*.37:.3f}' for i in range(80)] + ['<0.01'], "got '<0.01' in line 82")])
def test_what_cannot_be_read_is_refused_with_its_line(cells, want, put):
    with pytest.raises(ValueError, match=want): read_table(put(lines('x,y', [f'"{c}",1' for c in cells])))

def test_what_is_ambiguous_is_said_and_can_be_decided(put):
    path = put(lines('x;y', [f'{i},234;{i}' for i in range(1, 9)]))
    assert any("'1,234'" in n and 'decimal sign' in n for n in read_table(path).notes)
    assert read_table(path, decimal=',').frame['x'][0] == 1.234
    assert read_table(path, decimal='.').frame['x'][0] == 1234

def test_one_odd_cell_does_not_turn_numbers_into_words(put):
    cells = [f'{i*.37:.3f}' for i in range(80)]
    cells[40] = '<0.01'
    path = put(lines('a,k,y', [f'{v},{"uv"[i % 2]},{i % 11}' for i, v in enumerate(cells)]))
    with pytest.raises(ValueError, match="'a' must be numbers: got '<0.01' in line 42.*--numbers a.*--words a"):
        read_table(path)
    table = read_table(path, numbers=['a'])
    assert np.isnan(table.frame['a'][40]) and any('1 cells were taken as missing' in n for n in table.notes)
    assert read_table(path, words=['a']).frame['a'][0] == '0.000'

def test_codes_do_not_depend_on_what_else_is_in_a_file(put):
    rows = [f'{w},{10*j}' for w, j in zip(['01', '02', 'XX']*40, [0, 3, 6]*40)]
    train = read_table(put(lines('v,y', rows)))
    columns = Columns().fit(train, 'y')
    with_word, without = put('v\n02\nXX\n', 'b.csv'), put('v\n02\n', 'c.csv')
    np.testing.assert_array_equal(columns.transform(with_word)[:1], columns.transform(without))
    np.testing.assert_array_equal(columns.transform(pd.DataFrame(dict(v=['02']))), columns.transform(without))
    with pytest.raises(ValueError, match='words such as 01'): columns.transform(pd.read_csv(without))

def test_truth_values_are_the_words_of_the_file_for_every_reader(put):
    path = put(lines('v,y', [f'{w},{50*(w == "TRUE")}' for w in ['TRUE', 'FALSE']*40]))
    columns = Columns().fit(read_table(path), 'y')
    assert columns.names == ['v = FALSE', 'v = TRUE']
    np.testing.assert_array_equal(columns.transform(path), columns.transform(pd.read_csv(path)))
    assert columns.transform(path)[0].tolist() == [0, 1]

def test_na_and_none_are_words_among_words(put):
    table = read_table(put(lines('v,y', [f'{w},{i}' for i, w in enumerate(['Na', 'None', 'NA', '']*5)])))
    assert table.frame['v'].isna().sum() == 5 and set(table.frame['v'].dropna()) == {'Na', 'None', 'NA'}

def test_parts_of_a_table_keep_its_kinds(put):
    table = read_table(put(lines('v,y', [f'{w},{i}' for i, w in enumerate(['01', '02', 'XX', '03']*10)])))
    part = table.frame[table.frame['v'] != 'XX']
    assert read_table(part).frame['v'].tolist() == part['v'].tolist() and '01' in set(part['v'])

def test_accents_are_one_letter_however_they_are_written(put):
    text = lines('città,y', [f'{w},{i}' for i, w in enumerate(['Orléans', 'Nîmes']*10)])
    composed, apart = (put(unicodedata.normalize(form, text), f'{form}.csv') for form in ('NFC', 'NFD'))
    columns = Columns().fit(read_table(composed), 'y')
    np.testing.assert_array_equal(columns.transform(composed), columns.transform(apart))

def test_a_chinese_file_is_read_and_encodings_are_offered(put):
    text = lines('城市,价格', [f'{c},{i}' for i, c in enumerate(['北京', '上海', '广州', '深圳']*10)])
    for encoding in ('gbk', 'utf-8', 'utf-16'):
        assert read_table(put(text, encoding=encoding)).frame['城市'][1] == '上海'
    with pytest.raises(ValueError, match='--encoding'): read_table(put(text, encoding='gbk'), encoding='utf-8')

def test_what_was_never_seen_is_said(put):
    columns = Columns().fit(read_table(put(lines('v,x,y', [f'{"uv"[i % 2]},{i % 9},{i}' for i in range(40)]))), 'y')
    new = put('v,x\nw,1e6\nu,3\n', 'b.csv')
    assert [s.split(" cells")[0] for s in columns.unusual(new)[1]] == ["column 'v': 1 of 2", "column 'x': 1 of 2"]

def test_a_row_of_empty_cells_is_a_row(put):
    assert len(read_table(put('a,b\n1,2\n,\n3,4\n\n')).frame) == 3

def test_the_spelling_of_large_numbers_is_kept(put):
    table = read_table(put(lines('a,y', [f'{1_700_000_000 + i},{i}' for i in range(9)])))
    assert table.frame['a'].diff().dropna().eq(1).all()

@pytest.mark.parametrize('text, want', [
    ('sep=;\na;b\n1,5;2\n', [[1.5, 2]]), ('"sep=;"\na;b\n1;2\n', [[1, 2]]), ('[{"a": 1, "b": 2}]', [[1, 2]]),
    ('{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', [[1, 2], [3, 4]]), ('{"a": [1, 3], "b": [2, 4]}', [[1, 2], [3, 4]])])
def test_other_beginnings(text, want, put): assert read_table(put(text)).frame.to_numpy(float).tolist() == want

def test_a_footer_is_called_one(put):
    with pytest.raises(ValueError, match="got 'Total' in line 32.*footer"):
        read_table(put(lines('a,b', [f'{i},{i}' for i in range(30)] + ['Total,435'])))

@pytest.mark.parametrize('cells, want', [
    (['9999-12-31', '2020-01-01'], '9999-12-31'), (['31/12/2019', '01/02/2020'], '2019-12-31'),
    (['31.12.2019', '1.2.2020'], '2019-12-31'),
    (['12/31/2019', '1/2/2020'], '2019-12-31')])
def test_dates_in_their_usual_spellings(cells, want, put):
    table = read_table(put(lines('d,y', [f'{c},1' for c in cells])))
    assert table.kinds['d']['kind'] == 'date' and str(table.frame['d'][0].date()) == want

def test_a_date_that_is_none_is_refused_with_its_line(put):
    with pytest.raises(ValueError, match="'d' must be dates .*got '2020-13-01' in line 4"):
        read_table(put('d,y\n2020-01-01,1\n2020-01-02,2\n2020-13-01,3\n'))
