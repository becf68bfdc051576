// For a bundle that mentions the time or chance: they are the host's.
import system from "stepcell:handler/system@0.1.0";
import { install } from "./clock.js";

install(system);
