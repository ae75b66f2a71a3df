"""Why a deployment failed: facts gathered, rules over them, a cause with its evidence and the next step."""
