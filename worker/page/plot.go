package page

// plot is a time series that the browser draws with uPlot. Its JSON is read by assets/page.js.
type plot struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Unit   string   `json:"unit,omitempty"`
	X      []int64  `json:"x"` // Unix seconds
	Series []series `json:"series"`
	Dates  bool     `json:"dates,omitempty"` // values are days, as Unix seconds
	Steps  bool     `json:"steps,omitempty"` // a value holds until the next one
	Bars   bool     `json:"bars,omitempty"`
	// Summary says in words what the plot shows.
	Summary string `json:"-"`
}

// series is one line of a plot. Color is one of the page's series colors, from 1.
type series struct {
	Label string     `json:"label"`
	Color int        `json:"color"`
	Y     []*float64 `json:"y"`
}
