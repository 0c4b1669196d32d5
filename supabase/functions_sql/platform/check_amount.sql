-- check_amount(p_amount) -> void      called by: every operation that is told an amount of credits
-- Refuses: invalid_amount 400
create or replace function private.check_amount(p_amount bigint)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_amount is null or p_amount not between 1 and 1000000000 then
    raise exception using errcode = 'PT400', message = 'invalid_amount',
      detail = jsonb_build_object('amount', p_amount)::text,
      hint = 'An amount is a whole number of credits from 1 to 1,000,000,000.';
  end if;
end
$$;

revoke all on function private.check_amount(bigint) from public, anon, authenticated, service_role;
