"Tables as people have them: decorated numbers, codes like 01, accents, odd encodings, rows of empty cells"
import unicodedata

import numpy as np
import pandas as pd
import pytest

from prime_nb.data.columns import Columns
from prime_nb.data.tables import read_table, spread_texts
from prime_nb.own.fit import fit_table, read_source
from prime_nb.own.judge import imbalance
from prime_nb.targets import auto_bins


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
    'a unit': (lines('x,y', [f'{i % 60*1000} kg,{i % 60}' for i in N]), "'kg' around its numbers"),
    'Hong Kong dollars': (lines('x,y', [f'HK${i % 60*1000},{i % 60}' for i in N]), "'HK$' around its numbers"),
    'baht': (lines('x,y', [f'฿{i % 60*1000},{i % 60}' for i in N]), "'฿' around its numbers"),
    'a code behind': (lines('x,y', [f'{i % 60*1000} CHF,{i % 60}' for i in N]), "'CHF' around its numbers"),
    'percent with a narrow blank': (lines('x,y', [f'{i % 60*1000}\u202f%,{i % 60}' for i in N]), "'%' around"),
    'a unit with an exponent': (lines('x,y', [f'{i % 60*1000} m^2,{i % 60}' for i in N]), "'m^2' around"),
    'figure spaces': (lines('x,y', [f'{thousands(i, chr(0x2007))},{i % 60}' for i in N]), 'read as 1000')}

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

@pytest.mark.parametrize('cells, want', [
    (['(5)', '3'], [-5, 3]), (['($5)', '$3'], [-5, 3]), (['5-', '3'], [-5, 3]), (['−5', '3'], [-5, 3]),
    (['–5', '3'], [-5, 3]), (['$-5', '-$3'], [-5, -3]), (['5', '—'], [5, np.nan]), (['5', '.'], [5, np.nan]),
    (['5', '#DIV/0!'], [5, np.nan]), (['٣', '４'], [3, 4]), (['1 234,5', '7'], [1234.5, 7])])
def test_numbers_in_other_spellings(cells, want, put):
    table = read_table(put(lines('x;y', [f'"{c}";1' for c in cells])))
    np.testing.assert_array_equal(table.frame['x'], want)

@pytest.mark.parametrize('cell', ['10-19', '1/2', '>=5', '1_000', '0x1f', '10.0.0.1', '5 ± 2', '1×10^3'])
def test_words_that_are_much_like_numbers_are_mentioned(cell, put):
    table = read_table(put(lines('x,y', [f'{cell},1.5', f'{cell},2.5'])))
    assert table.kinds['x']['kind'] == 'words' and any(repr(cell) in n for n in table.notes), table.notes
    assert table.frame['y'].tolist() == [1.5, 2.5]

def test_mixed_decimals_are_refused(put):
    with pytest.raises(ValueError, match="'x' must be numbers: got '1.5' in line"):
        read_table(put(lines('x;y', ['1.5;1', '2,5;2']*20)))

@pytest.mark.parametrize('cells', [
    ['31/12/2019', '01/11/2019'], ['12/31/2019', '11/01/2019'], ['31.12.19', '01.11.19'],
    ['31-Dec-2019', '01-Nov-2019'],
    ['December 31, 2019', 'November 01, 2019'], ['2019-12-31T00:00:00+00:00', '2019-11-01T00:00:00Z'],
    ['12/31/2019 12:00 AM', '11/01/2019 12:00 AM'], ['2019/12/31', '2019/11/01']])
def test_dates_in_more_spellings(cells, put):
    table = read_table(put(lines('d;y', [f'{c};1' for c in cells])))
    assert [str(d.date()) for d in table.frame['d']] == ['2019-12-31', '2019-11-01']

def test_a_known_format_reads_iso_dates_too_and_refuses_others(put):
    first = read_table(put(lines('d,y', ['31.12.2019,1', '1.2.2020,2'])))
    assert str(read_table(put('d\n2020-02-28\n', 'b.csv'), first.kinds).frame['d'][0].date()) == '2020-02-28'
    with pytest.raises(ValueError, match="dates such as 31.01.2024: got '02/28/2020' in line 2"):
        read_table(put('d\n02/28/2020\n', 'b.csv'), first.kinds)

@pytest.mark.parametrize('target', [pd.date_range('2020-01-01', periods=40), pd.Series(['2020-01-01']*40)])
def test_a_date_as_target_is_refused(target):
    with pytest.raises(ValueError, match="target 'y' must be numbers: got '2020-01-01'"):
        fit_table(pd.DataFrame(dict(x=range(40), y=target)), 'y', epochs=1, progress=False)

@pytest.mark.parametrize('encoding, text', [
    ('shift_jis', '東京都,大阪府,北海道,京都府'), ('gbk', '北京市,上海市,广州市,深圳市'), ('utf-16', 'Łódź,Kraków,é,ü'),
    ('utf-8-sig', 'Łódź,Kraków,é,ü'), ('latin-1', 'Málaga,Córdoba,é,ü')])
def test_encodings(encoding, text, put):
    words = text.split(',')
    table = read_table(put(lines('v,y', [f'{w},{i}' for i, w in enumerate(words*9)]), encoding=encoding))
    assert table.frame['v'].tolist()[:4] == words

def test_names_of_columns_are_composed_wherever_they_come_from(put):
    apart = unicodedata.normalize('NFD', 'Größe')
    table = read_table(put(lines(f'{apart},y', [f'{i % 7},{i}' for i in range(40)])))
    columns = Columns().fit(table, 'y')
    assert columns.used == ['Größe'] and len(columns.transform(pd.DataFrame({apart: [1., 2.]}))) == 2

@pytest.mark.parametrize('text, rows', [
    ('a,b\n1,2\n,\n3,4\n', 3), ('a,b\n1,2\n3,4\n,\n,\n', 4), ('a\n1\n\n3\n\n', 3), ('a,b\n1,2\n\n3,4\n\n\n', 2),
    ('a,b\r\n"1",2\r\n"",\r\n', 2)])
def test_rows_of_empty_cells_are_rows(text, rows, put): assert len(read_table(put(text)).frame) == rows

def test_plain_and_quoted_files_are_cut_alike(put):
    plain = lines('a,b,c', [f'{i},x{i % 3},{i/7}' for i in range(50)])
    quoted = '\n'.join(','.join(f'"{cell}"' for cell in line.split(',')) for line in plain.split('\n')[:-1]) + '\n'
    one, other = read_table(put(plain)), read_table(put(quoted, 'b.csv'))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.kinds == other.kinds and one.lines == other.lines

def test_predictions_of_a_late_target_keep_their_digits():
    late = spread_texts(1.7e9 + np.arange(200), 50.)
    assert len(set(late)) == 200 and late[3] == '1700000003'

def test_an_outlier_leaves_no_infinity():
    y = np.r_[np.arange(100.), 1e5]
    d = imbalance(y, auto_bins(y), 10, 10., scale=150.)
    assert d['C_D'] is None and np.isfinite(d['rarity_target'])

def test_the_summary_tells_what_was_read(put):
    rows = [f'${7*i % 37},{"uv"[i % 2]},{i},{"" if i == 3 else i % 5},{max(i - 30, 0)},1' for i in range(40)]
    s = read_source(put(lines('price,v,id,x,y,one', rows)), 'y', ignore=['id'])
    assert s.summary()[1:] == ['numbers: price, x (1 missing)', 'words: v (2 different)',
                               'left out: one (constant), id (--ignore)']
    assert s.notes == ["column 'price': '$' around its numbers was left out",
                       '31 of 40 targets are 0: more than half are one value']
    assert {c['column']: c['remarks'] for c in s.columns}['price'] == "'$' around its numbers was left out"
