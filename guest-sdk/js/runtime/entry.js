// The entry of a component: `stepcell build` puts the project's module in the place of `stepcell-handlers`, and system.js or
// no-system.js in the place of `stepcell-system`.
import "./globals.js";
import "stepcell-system";
import context from "stepcell:handler/context@0.1.0";
import log from "stepcell:handler/log@0.1.0";
import * as handlers from "stepcell-handlers";
import { component } from "./component.js";
import { host } from "./host.js";

Object.assign(host, { context, log });

export const { handle, onError, compensate, describe } = component(handlers);

// Whatever is called from now on is called by the host.
host.isCalled = true;
