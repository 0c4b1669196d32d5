-- lock_promo_code(p_code) -> promo_code_versions      called by: redeem_promo_code, add_promo_code
-- The version of a code that counts now, with the code locked; all null when there is none. What is unusable is refused by check_promo_code.
create or replace function private.lock_promo_code(p_code text)
returns private.promo_code_versions
language plpgsql
set search_path = ''
as $$
declare
  v private.promo_code_versions;
begin
  perform from private.promo_codes x where x.code = p_code for no key update;
  select y.* into v from private.promo_codes x join private.promo_code_versions y on y.code = x.code and y.version = x.version
  where x.code = p_code;
  return v;
end
$$;

revoke all on function private.lock_promo_code(text) from public, anon, authenticated, service_role;
