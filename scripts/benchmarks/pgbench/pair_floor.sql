\set n random(1, :wallets)
begin;
select set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"role": "authenticated", "sub": "00000000-0000-4000-8000-' || lpad(:n::text, 12, '0') || '"}', true);
select floor.reserve(auth.uid(), 4, gen_random_uuid()::text) as hold \gset
commit;
begin;
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role": "service_role"}', true);
select floor.confirm(:hold);
commit;
