export { createRoutes, type RoutesComponents, type RoutesControl } from './create-routes.ts';
