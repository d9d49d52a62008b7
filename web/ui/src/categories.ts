// The groups in which sensors are shown, in the order of the page.

import type { Sensor } from './store';

export const categories = ['Mechanical', 'Fluid', 'Thermal', 'Electrical', 'Environmental', 'Other'] as const;
export type Category = (typeof categories)[number];

export function categoryOf(sensor: Sensor): Category {
	const wanted = sensor.category?.toLowerCase();
	return categories.find((category) => category.toLowerCase() === wanted) ?? 'Other';
}
