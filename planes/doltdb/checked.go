package doltdb

// checkedEvery is after how many rows Options.Checked is called.
const checkedEvery = 1000

// CountChecked returns what a check of rows that arrived calls for each row.
func (o Options) CountChecked() (row func()) {
	var n int64
	return func() {
		if n++; n%checkedEvery == 0 && o.Checked != nil {
			o.Checked(n)
		}
	}
}
