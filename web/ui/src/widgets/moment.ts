// A point in time, in words for people and in full for programs.

import { parseTime } from '../clock';
import { element } from '../dom';
import { formatMoment } from '../format';

export function moment(time: string): HTMLElement {
	return element('time', { datetime: time }, formatMoment(parseTime(time)));
}
