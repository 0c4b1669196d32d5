-- ensure_account(p_user_id) -> uuid      called by: open_wallet, get_me, the trigger on auth.users
-- Makes profile and wallet when they are missing and gives a new wallet its sign-up credits; returns the wallet's id.
-- Guarantees: two first calls at once make one wallet and one bonus. A failing bonus never blocks a sign-up.
-- Refuses: user_not_found 404
create or replace function private.ensure_account(p_user_id uuid)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  v_wallet_id uuid;
begin
  select w.id into v_wallet_id from public.wallets w where w.user_id = p_user_id;
  if found then
    return v_wallet_id;
  end if;
  if not exists (select from auth.users u where u.id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_user_id)::text, hint = 'There is no such user.';
  end if;
  insert into public.profiles (user_id) values (p_user_id) on conflict do nothing;
  insert into public.wallets (user_id) values (p_user_id) on conflict do nothing returning id into v_wallet_id;
  if v_wallet_id is null then
    select w.id into strict v_wallet_id from public.wallets w where w.user_id = p_user_id;
    return v_wallet_id;
  end if;
  begin
    perform private.grant_signup_credits(v_wallet_id);
  exception when others then -- the one place: whatever is wrong with the bonus, the person gets their account
    raise warning 'sign-up credits for wallet % failed: % (%)', v_wallet_id, sqlerrm, sqlstate;
  end;
  return v_wallet_id;
end
$$;

revoke all on function private.ensure_account(uuid) from public, anon, authenticated, service_role;
