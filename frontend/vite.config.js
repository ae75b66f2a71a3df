import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    // The content security policy allows no data: addresses.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { "/api": "http://localhost:5000" },
  },
});
