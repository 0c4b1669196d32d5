-- gift_claim_until(p_lots) -> timestamptz      called by: gift_credits
-- Until when a gift waits for its recipient: private.settings.gift_claim_days, but not longer than the first of its credits lives.
create or replace function private.gift_claim_until(p_lots jsonb)
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select least(private.clock() + make_interval(days => s.gift_claim_days), (
    select min((e ->> 'expires_at')::timestamptz) from jsonb_array_elements(p_lots) e))
  from private.settings s;
$$;

revoke all on function private.gift_claim_until(jsonb) from public, anon, authenticated, service_role;
