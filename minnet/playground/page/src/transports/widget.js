/** anywidget's door. */
export function render() {}
