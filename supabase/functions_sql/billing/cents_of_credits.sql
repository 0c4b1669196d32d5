-- cents_of_credits(p_credits, p_charged_cents, p_taken) -> bigint      called by: admin_start_refund
-- The other direction of reversed_credits: the most that can be reversed without taking more than p_taken credits. Null when none were sold.
create or replace function private.cents_of_credits(p_credits bigint, p_charged_cents bigint, p_taken bigint)
returns bigint
language sql
immutable
set search_path = ''
as $$
  select floor(p_charged_cents::numeric * p_taken / nullif(p_credits, 0))::bigint;
$$;

revoke all on function private.cents_of_credits(bigint, bigint, bigint) from public, anon, authenticated, service_role;
